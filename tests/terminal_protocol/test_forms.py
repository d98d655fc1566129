"""Forms: whatever stands in a multipart body, only UnreadableBody is ever raised."""

import base64
import contextlib
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import FaceMatch, UnreadableBody, read_body

PIECES = [
    b'Content-Disposition: form-data; name="userId"', b"Content-Disposition: form-data; name=img;",
    b'Content-Disposition: form-data; name="img"; filename="a.jpg"', b"Content-Type: image/jpeg",
    b"Content-Transfer-Encoding: base64", b"Content-Type: multipart/mixed; boundary=y", b"--y",
    b"name*=utf-8''%E4", b"name*0=a; name*1*=b", b"=?gbk?b?xxx", b'filename*="', b"\r\n", b"\n",
    b"\r\n\r\n", b"--x", b"--x--", b": ", b'"', b"=", b";", b"(", b"<", b"[", b"\xff\xfe", b"\x00",
    b"\xe4\xb8\xad", b'{"userId":"1"}', b'{"userId":',
]  # fmt: skip
CONTENT_TYPES = [
    "multipart/form-data; boundary=x", 'multipart/form-data; boundary="x', "multipart/;;=",
    "multipart/form-data; boundary=\n", "multipart/form-data; boundary*=utf-8''x", "",
    "multipart/form-data; boundary=x; charset=签",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from(CONTENT_TYPES))
def test_no_form_raises_anything_but_the_typed_error(pieces: list[bytes], header: str) -> None:
    try:
        reading = read_body(b"--x\r\n" + b"".join(pieces), header)
    except UnreadableBody as error:
        assert error.code in {"not_json", "not_an_object", "too_deep", "too_large"}
    else:
        assert isinstance(reading.data, dict)


@pytest.mark.parametrize("header", ["multipart/form-data; boundary=x", "multipart/form-data", ""])
@given(picture=st.binary(min_size=1, max_size=300))
def test_a_file_in_a_form_arrives_byte_for_byte(header: str, picture: bytes) -> None:
    """Django hands on the content type without its boundary, so the body's own is used."""
    raw = (
        b'--x\r\nContent-Disposition: form-data; name="userId"\r\n\r\n42\r\n'
        b'--x\r\nContent-Disposition: form-data; name="img"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n\xff\xd8"
        + picture.replace(b"--x", b"")
        + b"\r\n--x--\r\n"
    )

    message = FaceMatch.from_wire(read_body(raw, header).data)

    assert message.user_id == "42"
    assert message.image == b"\xff\xd8" + picture.replace(b"--x", b"")


def test_parts_inside_of_parts_are_not_descended_into() -> None:
    """1,500 parts in each other took 0.7 s and ended in RecursionError."""
    raw = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (one, one + 1)
        for one in range(1500)
    )

    started = time.process_time()
    with pytest.raises(UnreadableBody):
        read_body(raw, "multipart/form-data; boundary=b0")
    assert time.process_time() - started < 0.2


@pytest.mark.parametrize(
    "raw",
    [
        b"a=1&" * 300,
        b"--x\r\n" + b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\n' * 300,
    ],
)
def test_more_fields_than_a_message_has_are_a_typed_error(raw: bytes) -> None:
    """The library's own ValueError once escaped."""
    with pytest.raises(UnreadableBody):
        read_body(raw, "multipart/form-data; boundary=x")


@pytest.mark.parametrize("coding", ["base64", "quoted-printable", "binary", "7bit"])
def test_a_part_may_be_encoded_for_mail(coding: str) -> None:
    sent = {
        "base64": base64.b64encode("李二壮".encode()),
        "quoted-printable": b"=E6=9D=8E=E4=BA=8C=E5=A3=AE",
    }.get(coding, "李二壮".encode())
    raw = (
        b'--x\nContent-Disposition: form-data; name="userName"\n'
        b"Content-Transfer-Encoding: " + coding.encode() + b"\n\n" + sent + b"\n--x--\n"
    )

    assert read_body(raw).data == {"userName": "李二壮"}


WAYS = {
    "by the book": lambda form: urlencode(form),
    "not encoded at all": lambda form: "&".join(f"{key}={form[key]}" for key in form),
    "plus signs forgotten": lambda form: "&".join(
        f"{key}={quote(form[key], safe='+/=')}" for key in form
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,"])
@given(picture=st.binary(min_size=1, max_size=900))
def test_a_picture_in_a_form_arrives_byte_for_byte(
    way: Callable[[dict[str, str]], str], prefix: str, picture: bytes
) -> None:
    """A plus sign that was not encoded becomes a blank, and the picture another one."""
    form = {"userId": "1", "img": prefix + base64.b64encode(picture).decode()}

    message = FaceMatch.from_wire(read_body(way(form).encode()).data)

    assert message.image == picture


@pytest.mark.parametrize("encode", [quote, quote_plus, str, lambda text: quote(text, safe="+/=")])
@pytest.mark.parametrize("field", ["json=", "data=", ""])
def test_an_object_in_a_form_field_is_read_with_its_picture(
    encode: Callable[[str], str], field: str
) -> None:
    body = json.dumps({"userId": "1", "userName": "A&B", "img": "+/9j/+++aaa="})

    data = read_body((field + encode(body)).encode(), "application/x-www-form-urlencoded").data

    assert data == {"userId": "1", "userName": "A&B", "img": "+/9j/+++aaa="}


def test_blanks_between_words_stay_blanks() -> None:
    body = urlencode({"userId": "1", "userName": "Li Er Zhuang", "openMsg": "the door is open"})

    data = read_body(body.encode()).data

    assert (data["userName"], data["openMsg"]) == ("Li Er Zhuang", "the door is open")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("userId=1&note={hi}", {"userId": "1", "note": "{hi}"}),
        ("note={hi}", {"note": "{hi}"}),
        ("userId=1&note={", {"userId": "1", "note": "{"}),
        ('userId=1&idCardInfo={"name":"x"}', {"userId": "1", "idCardInfo": {"name": "x"}}),
        ('userId=1&extra={"name":"x",}', {"userId": "1", "name": "x"}),
        ("userId=1&a={1&b={2&c={3", {"userId": "1", "a": "{1", "b": "{2", "c": "{3"}),
        ("?userId=1&mask=true", {"?userId": "1", "mask": "true"}),
    ],
)
def test_braces_alone_make_no_json(body: str, expected: dict[str, object]) -> None:
    """One field that began with a brace once lost all the others."""
    reading = read_body(body.encode())

    assert reading.data == expected
    assert reading.repairs[0] == "form_encoded"


def test_an_object_percent_encoded_in_gbk_is_read() -> None:
    raw = quote('{"userName": "李 二", "img": "a+b="}'.encode("gbk")).encode()

    assert read_body(raw).data == {"userName": "李 二", "img": "a+b="}


def test_many_odd_bytes_in_a_form_are_read_at_once() -> None:
    """The library's decoding of percent signs took three seconds for this."""
    started = time.process_time()
    with contextlib.suppress(UnreadableBody):
        read_body(b"%7B" + b"\xff:" * 1_000_000)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "raw", [b"--x--\r\n", b"\r\n--x--", b"------WebKitFormBoundaryA1b2C3d4E5f6G7h8--\r\n"]
)
@pytest.mark.parametrize("header", ["multipart/form-data; boundary=x", "", "application/json"])
def test_a_form_without_fields_is_nothing(raw: bytes, header: str) -> None:
    """As browsers and some HTTP libraries send it where the seed says form-data and no field."""
    assert read_body(raw, header).data == {}

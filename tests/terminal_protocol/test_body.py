"""Bodies are read whatever a terminal made of JSON, and only UnreadableBody is ever raised."""

import contextlib
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from terminal_protocol import UnreadableBody, read_body

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(), JSON))
def test_correct_json_is_read_as_it_is(data: dict[str, object]) -> None:
    reading = read_body(json.dumps(data).encode())

    assert reading.data == data
    assert reading.repairs == ()


@given(st.binary(max_size=400), st.sampled_from(["", "application/json", "multipart/form-data"]))
@example(b"[" * 100_000, "")
@example(b'{"a":' * 100_000, "")
@example(b"{" + b'"a":{' * 60 + b"}", "")
@example(b'{"a": ' + b"9" * 5000 + b"}", "")
@example(b'"text"', "")
@example(b"\xff\xfe\x00", "")
@example(b"=", "application/x-www-form-urlencoded")
@example(b"--x\r\n\r\n", "multipart/form-data; boundary=x")
def test_no_bytes_raise_anything_but_the_typed_error(raw: bytes, content_type: str) -> None:
    try:
        reading = read_body(raw, content_type)
    except UnreadableBody as error:
        assert error.code in {"not_json", "not_an_object", "too_deep", "too_large"}
    else:
        assert isinstance(reading.data, dict)


@given(st.text(alphabet="{}[]\":, \n'abc10", max_size=200))
def test_no_text_like_json_raises_anything_but_the_typed_error(text: str) -> None:
    with contextlib.suppress(UnreadableBody):
        assert isinstance(read_body(b"{" + text.encode()).data, dict)


@pytest.mark.parametrize(
    ("raw", "expected", "repairs"),
    [
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}, ("json_syntax",)),
        ('{"a": 1, "b": 2,}', {"a": 1, "b": 2}, ("json_syntax",)),
        ("{'a': 'x'}", {"a": "x"}, ("json_syntax",)),
        ('{"a": "x\r\ny"}', {"a": "x\r\ny"}, ("json_control_characters",)),
        ('{"a": NaN}', {"a": None}, ("json_not_a_number",)),
    ],
)
def test_usual_mistakes_are_repaired(
    raw: str, expected: dict[str, object], repairs: tuple[str, ...]
) -> None:
    reading = read_body(raw.encode())

    assert reading.data == expected
    assert reading.repairs == repairs


def test_a_byte_order_mark_and_gbk_bytes_are_understood() -> None:
    assert read_body(b"\xef\xbb\xbf" + b'{"a": 1}').data == {"a": 1}
    gbk = read_body('{"userName": "李二壮"}'.encode("gbk"))
    assert gbk.data == {"userName": "李二壮"}
    assert gbk.repairs == ("json_encoding",)


def test_a_form_with_a_json_field_is_read() -> None:
    raw = b"json=%7B%22userId%22%3A%20%221%22%7D"

    assert read_body(raw, "application/x-www-form-urlencoded").data == {"userId": "1"}


def test_a_multipart_form_is_read_with_its_picture() -> None:
    raw = (
        b'--x\r\nContent-Disposition: form-data; name="userId"\r\n\r\n42\r\n'
        b'--x\r\nContent-Disposition: form-data; name="img"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\r\n--x--\r\n"
    )

    data = read_body(raw, "multipart/form-data; boundary=x").data

    assert data == {"userId": "42", "img": "/9j/"}


def test_a_broken_body_with_a_large_picture_is_repaired_quickly() -> None:
    picture = "/9j/" + "QUJD" * 175_000
    raw = f'{{"userId": "1" "img": "{picture}",}}'.encode()

    started = time.perf_counter()
    data = read_body(raw).data

    assert data == {"userId": "1", "img": picture}
    # Not a speed test: a repair that walked through the picture would take seconds.
    assert time.perf_counter() - started < 2

"""Forms: whatever stands in a multipart body, only UnreadableBody is ever raised."""

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

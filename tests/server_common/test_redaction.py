"""Nothing secret survives in a log line, whoever wrote it."""

import base64
import io
import logging
import secrets

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server_common.redaction import RedactionFilter, redact

TOKENS = st.binary(min_size=16, max_size=16).map(
    lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")
)
PICTURE_NAMES = st.binary(min_size=29, max_size=29).map(
    lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")
)
ID_NUMBERS = st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True)
# What people type; quotes and separators would end the value where it stands bare.
PASSWORDS = st.text(
    st.characters(
        min_codepoint=33, exclude_characters="\"',;&{}()[]/@:=\\*", categories=["L", "N"]
    ),
    min_size=6,
    max_size=30,
)
AROUND = st.text(st.characters(exclude_categories=["L", "N"]), max_size=20)


@given(token=TOKENS, before=AROUND, after=AROUND)
def test_a_sites_secret_segment_never_survives(token: str, before: str, after: str) -> None:
    assert token not in redact(f"{before}/t/{token}/syface/1{after}")
    assert token not in redact(f"Not Found: /t/{token}")
    assert token not in redact(f"{before}http://door.example/t/{token} {after}")


@given(raw=st.binary(min_size=32, max_size=32))
def test_a_secret_segment_never_survives_where_it_does_not_belong(raw: bytes) -> None:
    token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    for path in (f"/T/{token}/syrecord/1", f"/{token}/syrecord/1", f"/t/t/{token}", f"/sy/{token}"):
        assert token not in redact(f"Not Found: {path}")


@given(token=TOKENS, tag=st.sampled_from(["", "k3m9xz-"]), after=st.sampled_from(["", ":80", ".x"]))
def test_a_secret_sent_as_a_host_never_survives(token: str, tag: str, after: str) -> None:
    """Django's own words, which hold the header as it came."""
    host = f"{tag}{token}{after}"

    for said in (host, f"door.example/{host}", f"/t/{host}"):
        told = redact(f"Invalid HTTP_HOST header: {said!r}. You may need to add {said!r}.")
        assert token not in told


@pytest.mark.parametrize("tag", ["", "k3m9xz-"])
def test_a_secret_by_itself_is_known_by_its_look(tag: str) -> None:
    token = f"{tag}xN4b-Kp9_wQ2vR7tYc3LmA"

    assert redact(f"host {token} is odd") == "host *** is odd"
    assert redact(f"['{token}']") == "['***']"


@given(name=PICTURE_NAMES)
def test_a_signed_picture_address_never_survives(name: str) -> None:
    assert name not in redact(f"GET /i/{name}.jpg HTTP/1.1")


@given(number=ID_NUMBERS, before=AROUND, after=AROUND)
def test_an_identity_number_never_survives(number: str, before: str, after: str) -> None:
    assert number not in redact(f"{before}{number}{after}")
    assert number not in redact(f"身份证{number}号")
    assert number not in redact(f'{{"id": "{number}"}}')
    assert number not in redact(f"id={number}")
    assert number.lower() not in redact(f"id={number.lower()}")


@given(
    password=PASSWORDS,
    line=st.sampled_from(
        ['{{"password": "{0}"}}', "password={0}", "PASSWORD: {0}", "pass_word='x' passwd={0}",
         "{{'secret': '{0}'}}", "?token={0}&x=1", "Authorization: Token {0}",
         "authorization: Bearer {0}", "'api_key': '{0}'", "FIELD_KEY={0}",
         "postgres://menjin:{0}@db/menjin", "redis://user:{0}@127.0.0.1:6379/0",
         "rtsp://admin:{0}@10.0.0.9/stream"]
    ),
)  # fmt: skip
def test_a_password_never_survives(password: str, line: str) -> None:
    told = redact(line.format(password))

    assert "***" in told
    assert password not in told.replace("password", "").replace("passwd", "")


@given(raw=st.binary(min_size=90, max_size=2000))
@example(raw=bytes(69) + b"\x03\xf8\xbf" + bytes(22)).via("its base64 has /i/ in the middle")
@example(raw=bytes(69) + b"\x03\xfb\x7f" + bytes(22)).via("its base64 has /t/ in the middle")
def test_a_picture_never_survives(raw: bytes) -> None:
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        told = redact(f"body was {text}!")
        assert text[:60] not in told
        assert told.endswith("!")


@pytest.mark.parametrize(
    "line",
    [
        "sync_full terminal=17 asked=1700000123",
        "record 12345678901234567890 of terminal 0000001",
        "GET /api/v1/people/?user_id=1001 200",
        "gallery_rebuilt gallery=3 revision=1200 faces=998",
        "/t/",
        "deploy menjin-2026.11.23-build+4",
        "tokens left: 3",
        "Invalid HTTP_HOST header: 'door.menjin.example:8000'. You may need to add it.",
        "ImproperlyConfiguredDatabase in terminal_address_replace of menjin-production-7f",
    ],
)
def test_what_an_operator_needs_stays(line: str) -> None:
    assert redact(line) == line


def test_a_record_and_its_exception_are_masked_as_written() -> None:
    token = secrets.token_urlsafe(16)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactionFilter())
    logger = logging.Logger("test")
    logger.addHandler(handler)

    try:
        raise ValueError(f"no such page: /t/{token}/x")
    except ValueError:
        logger.exception("failed for %s with %s", f"/t/{token}", {"password": "hunter22"})

    text = written.getvalue()
    assert "Traceback" in text
    assert token not in text
    assert "hunter22" not in text

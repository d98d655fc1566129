"""The last net under the logs."""

import logging
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_common.redaction import RedactionFilter, redact

TOKENS = st.text(string.ascii_letters + string.digits + "-_", min_size=16, max_size=43)


@given(TOKENS)
def test_the_secret_of_a_base_url_never_shows(token: str) -> None:
    assert token not in redact(f"Not Found: /t/{token}/syface/17")
    assert token not in redact(f'"GET http://host:8000/t/{token}/syrecord/1?lastQueryTime=0"')


@given(TOKENS, st.sampled_from(["password", "Authorization", "token", "secret", "FIELD_KEY"]))
def test_named_secrets_never_show(secret: str, name: str) -> None:
    for shown in (f"{name}={secret}", f"{name}: {secret}", f'{{"{name}": "{secret}"}}'):
        assert secret not in redact(shown)


@given(st.from_regex(r"\A[1-9]\d{16}[\dX]\Z"))
def test_identity_numbers_never_show(number: str) -> None:
    assert number not in redact(f"card {number} was read")


@given(st.binary(min_size=120, max_size=600))
def test_pictures_never_show(raw: bytes) -> None:
    import base64

    text = base64.b64encode(raw).decode()

    assert text[:100] not in redact(f"img={text}")


@pytest.mark.parametrize(
    "line",
    ["sync_full terminal=17 asked=1487313392", "record_repeated terminal=3", "港 door 2 opened"],
)
def test_ordinary_lines_stay_readable(line: str) -> None:
    assert redact(line) == line


def test_arguments_and_tracebacks_are_masked_too() -> None:
    try:
        raise ValueError("password=hunter2hunter2")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 1, "failed for /t/%s/syface", ("abcdefgh1234",),
            (type(error), error, error.__traceback__),
        )  # fmt: skip

    assert RedactionFilter().filter(record)
    shown = logging.Formatter("%(message)s").format(record)

    assert "abcdefgh1234" not in shown
    assert "hunter2" not in shown
    assert re.search(r"Traceback", shown)

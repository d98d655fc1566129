"""Pictures in every state that base64 arrives in."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import read_body
from terminal_protocol.values import read_image

RAW = bytes(range(256)) * 3 + b"end"
PLAIN = base64.b64encode(RAW).decode()
CUT = base64.b64encode(RAW[:-1]).decode()
FAILED = (None, "image_not_base64")


def lines(length: int, end: str, text: str = PLAIN) -> str:
    return end.join(text[at : at + length] for at in range(0, len(text), length))


STATES = {
    "NUL at the end": PLAIN + "\x00\x00",
    "NUL inside": PLAIN[:100] + "\x00" + PLAIN[100:],
    "mark in front": "\ufeff" + PLAIN,
    "mark and data URL": "\ufeff data:image/jpeg;base64," + PLAIN,
    "blanks without width": lines(76, "\u200b"),
    "DATA in capitals": "DATA:image/JPEG;BASE64," + PLAIN,
    "type without data": "image/jpeg;base64," + PLAIN,
    "base64 alone": "base64, " + PLAIN,
    "line breaks as escapes": lines(76, "\\n"),
    "carriage returns as escapes": lines(76, "\\r\\n"),
    "slashes as escapes": PLAIN.replace("/", "\\/"),
    "percent": PLAIN.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D"),
    "brackets behind": PLAIN + '"}]}',
    "quotes around": f'"{PLAIN}"',
    "escaped quotes around": f'\\"{PLAIN}\\"',
    "blanks where plus was": PLAIN.replace("+", " "),
    "lines parted by blanks": lines(76, " ", PLAIN.replace("+", "-")),
    "chunks, each padded": base64.b64encode(RAW[:100]).decode()
    + base64.b64encode(RAW[100:]).decode(),
}


@pytest.mark.parametrize("sent", STATES.values(), ids=STATES)
def test_a_picture_is_read_in_whatever_state_it_arrives(sent: str) -> None:
    """Each of these was dropped whole, or came out as another picture."""
    assert "+" in PLAIN
    assert "/" in PLAIN
    assert read_image(sent) == (RAW, None)


def test_a_character_too_many_at_the_end_goes_with_its_group() -> None:
    """A body that broke off in its picture was cut anywhere."""
    text = CUT.rstrip("=")

    for cut in range(1, 9):
        image, fault = read_image(text[:-cut])
        assert fault is None
        assert image is not None
        assert RAW.startswith(image)
        assert len(RAW) - len(image) < 10


@given(st.binary(min_size=120, max_size=400))
def test_blanks_are_told_from_plus(raw: bytes) -> None:
    """A form decoded once too often has a blank for every "+", lines have one for every so many."""
    plain = base64.b64encode(b"\xff\xd8\xff" + raw + b"\xff\xd9\x00\x00\x00").decode()
    raw = base64.b64decode(plain)
    wrapped = lines(76, " ", plain)

    assert read_image(wrapped)[0] == raw
    assert read_image(plain.replace("+", " ")) == (raw, None)


@pytest.mark.parametrize(
    "sent", ["no picture!", "[object Object]", "A", "QUJDR=QUJD", "\u4e2d\u6587", 5, {}]
)
def test_what_is_no_base64_stays_a_fault(sent: object) -> None:
    assert read_image(sent) == FAILED


@pytest.mark.parametrize("sent", [None, "", " ", "=", "\x00", "data:image/jpeg;base64,"])
def test_nothing_is_no_picture_and_no_fault(sent: object) -> None:
    assert read_image(sent) == (None, None)


@pytest.mark.parametrize("head", ["DATA:image/jpeg;base64,", "image/jpeg;base64,"])
def test_a_form_mends_plus_behind_every_head(head: str) -> None:
    data = read_body(f"userId=1&img={head}{PLAIN}".encode()).data

    assert read_image(data["img"]) == (RAW, None)


@pytest.mark.parametrize(
    "piece", ["AA=", "=", "\\n", " ", "A ", "%2B", "\x00", '"', "data:", "A" * 57]
)
def test_hostile_text_takes_no_longer_than_its_size_allows(piece: str) -> None:
    text = (piece * 1_000_000)[:1_000_000]

    started = time.thread_time()
    read_image(text)
    read_image("A" + text + "!")
    # About 0.1 s on one shared core; only growth by the square would come near this.
    assert time.thread_time() - started < 2

"""Characters of names: what can be seen is kept, however new it is."""

import pytest

from terminal_protocol.printable import is_printable


@pytest.mark.parametrize("text", ["南门 1", "\U00031350", "\ue000", "", "A-1_b.c"])
def test_what_can_be_shown_is_printable(text: str) -> None:
    assert is_printable(text)


@pytest.mark.parametrize("text", ["a\x00", "a\nb", "\ud800", "a\u200bb", "a\u2028b", "a\u00a0b"])
def test_what_cannot_be_seen_is_not(text: str) -> None:
    assert not is_printable(text)

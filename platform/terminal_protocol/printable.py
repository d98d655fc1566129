"""Characters that names may have, including newer ones than Python's tables know."""

import unicodedata

# Controls, formats, halves of characters, separators of lines; they are invisible.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_printable(text: str) -> bool:
    """Return whether every character of a text is printable.

    Wider than ``str.isprintable``, which refuses what Unicode took in after this Python was made,
    rare characters of Chinese names among it, and those of private use.
    """
    if text.isprintable():
        return True
    return all(
        char == " " or ((name := unicodedata.category(char)) != "Zs" and name not in _UNSEEN)
        for char in text
    )

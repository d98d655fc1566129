"""Scans of a JPEG: their number, and whether they are complete.

A progressive picture comes as a coarse scan and finer ones behind it, each over the whole area.
"""

from typing import Final

_END: Final = b"\xff\xd9"
_SCAN: Final = b"\xff\xda"
_COEFFICIENTS: Final = 64

SCANS_MOST: Final = 32
"""Encoders write about ten. Each costs a pass over the whole picture and no more than ten bytes of
the file, so a small file of thousands of them would take hours."""


def scan_starts(raw: bytes) -> list[int]:
    """Return where scans begin, up to the end mark; at most one more than `SCANS_MOST`.

    Args:
        raw: a JPEG without metadata, whose previews would count as well. Compressed data holds no
            markers.
    """
    found: list[int] = []
    at = raw.find(_SCAN)
    while at >= 0 and len(found) <= SCANS_MOST:
        found.append(at)
        behind = at + len(_SCAN)
        at = raw.find(_SCAN, behind)
        if raw.find(_END, behind, None if at < 0 else at) >= 0:
            break
    return found


def are_scans_complete(raw: bytes, *, components: int) -> bool:
    """Return whether the scans hold every component to its last bit."""
    missing_bits: dict[tuple[int, int], int] = {}
    for at in scan_starts(raw):
        header = raw[at + 4 : at + 2 + int.from_bytes(raw[at + 2 : at + 4])]
        names = header[1 : 1 + 2 * header[0] : 2] if header else b""
        spectrum = header[1 + 2 * len(names) :]
        if len(spectrum) < 3:
            return False
        for name in names:
            for number in range(spectrum[0], min(spectrum[1], _COEFFICIENTS - 1) + 1):
                missing_bits[name, number] = spectrum[2] & 15
    complete = sum(bits == 0 for bits in missing_bits.values())
    return complete == components * _COEFFICIENTS

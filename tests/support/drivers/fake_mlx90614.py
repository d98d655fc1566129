"""A thermometer MLX90614 on a bus that is not there."""

from collections.abc import Callable


def checksum(octets: bytes) -> int:
    """CRC-8 of SMBus as long division of polynomials, bit by bit over one large number."""
    value = int.from_bytes(octets) << 8
    while value.bit_length() > 8:
        value ^= 0x107 << value.bit_length() - 9
    return value


class FakeMlx90614:
    """The chip: a command points at a word, which is read low octet first, with its checksum."""

    def __init__(self, *, address: int = 0x5A) -> None:
        self.address = address
        self.words = {0x06: 0x3AF7, 0x07: 0x3C4D}
        self.spoil: Callable[[bytes], bytes] = bytes
        self.error: OSError | None = None
        self._command = 0

    def write(self, octets: bytes) -> None:
        if self.error is not None:
            raise self.error
        (self._command,) = octets

    def read(self, count: int) -> bytes:
        word = self.words[self._command].to_bytes(2, "little")
        wire = bytes([self.address << 1, self._command, self.address << 1 | 1]) + word
        return self.spoil(word + bytes([checksum(wire)]))[:count]

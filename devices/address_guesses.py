"""Guesses of the address meant by a wrong secret segment, among those that sites have.

For people who look for their mistake, never for admission: a caller is let in by the keyed digest
of the whole segment or not at all.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from devices.choices import AddressGuess

# One letter wrong leaves the one end of a segment or the other as it is.
_END = 8


@dataclass(frozen=True, slots=True)
class SiteAddress:
    """A secret segment that a site has or had."""

    site_id: int
    site_name: str
    token: str = field(repr=False)
    has_ended: bool = False


@dataclass(frozen=True, slots=True)
class Guess:
    """Which site was meant, and how the segment is like its own."""

    site_id: int
    site_name: str
    word: AddressGuess


class AddressGuesses:
    """The segments of some sites, found by either end."""

    def __init__(self, addresses: Iterable[SiteAddress]) -> None:
        self._by_end: dict[str, list[SiteAddress]] = defaultdict(list)
        for address in addresses:
            folded = address.token.casefold()
            for end in {f"^{folded[:_END]}", f"{folded[-_END:]}$"}:
                self._by_end[end].append(address)

    def guess(self, given: str) -> Guess | None:
        """Return whose segment this is or nearly is; None when it is like none of them."""
        folded = given.strip().casefold()
        if len(folded) < _END:
            return None
        near = [
            *self._by_end.get(f"^{folded[:_END]}", ()),
            *self._by_end.get(f"{folded[-_END:]}$", ()),
        ]
        for address in near:
            word = likeness(given, address.token)
            if word is not None:
                is_old = word is AddressGuess.SAME and address.has_ended
                shown = AddressGuess.ENDED if is_old else word
                return Guess(address.site_id, address.site_name, shown)
        return None


def likeness(given: str, token: str) -> AddressGuess | None:
    """Return how a segment is like a token, None when it is not."""
    if given == token:
        return AddressGuess.SAME
    given = given.strip()
    if given.casefold() == token.casefold():
        return AddressGuess.CAPITALS if given != token else AddressGuess.LONGER
    if _is_one_off(given, token):
        return AddressGuess.ONE_OFF
    if len(given) >= _END and token.startswith(given):
        return AddressGuess.CUT
    return AddressGuess.LONGER if given.startswith(token) else None


def _is_one_off(one: str, other: str) -> bool:
    """Tell whether one letter is another, missing, too many, or has changed places."""
    if abs(len(one) - len(other)) > 1:
        return False
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    rest, rest_other = one[begin:], other[begin:]
    if rest[1:] == rest_other[1:] or rest[1:] == rest_other or rest == rest_other[1:]:
        return True
    is_turned = rest[:2] == rest_other[:2][::-1]
    return is_turned and rest[2:] == rest_other[2:]

"""Pages of a list (8.2.5, 8.3.2), written by the terminal and followed by the platform.

walk = PageWalk(size=10)
while walk.has_more:
    page = Page.from_wire(ask(page=walk.number, size=10))
    walk.take(page)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ._reader import as_object
from ._work_budget import WorkBudget
from .values import lookup, read_int

# A list without end is no list: more than any terminal holds, ten a page.
PAGES_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Page:
    """``data`` of a list.

    Attributes:
        total: entries in all; 0 when the terminal does not say.
        number: of this page, from 1 (``pageNum``).
        page_size: entries a full page has (``pageSize``); 0 when the terminal does not say.
        entries: of this page; their number is ``size``.
        pages_said: ``totalPage`` as read; 0 when the terminal does not say.
        size_said: ``size`` as read, None when the terminal does not say. Mostly the number of
            entries, of some terminals that of a full page or of the whole list.
        is_whole: whether there are as many entries as ``size`` says; see `PageWalk.is_whole`.
        unreadable: entries that are no objects; they count for ``is_whole``.
    """

    total: int
    number: int
    page_size: int
    entries: tuple[dict[str, Any], ...] = field(repr=False)
    pages_said: int = field(default=0, compare=False)
    size_said: int | None = field(default=None, compare=False)
    is_whole: bool = field(default=True, compare=False)
    unreadable: int = field(default=0, compare=False)

    @property
    def length(self) -> int:
        """Number of entries, unreadable ones too."""
        return len(self.entries) + self.unreadable

    @property
    def pages(self) -> int:
        """Number of pages, by the total or as said (``totalPage``), whichever is more."""
        counted = -(-self.total // self.page_size) if self.page_size > 0 else 0
        return max(counted, self.pages_said)

    def to_wire(self) -> dict[str, Any]:
        """Return the page as sent."""
        return {
            "total": self.total,
            "pageNum": self.number,
            "size": len(self.entries),
            "pageSize": self.page_size,
            "totalPage": self.pages,
            "data": list(self.entries),
        }

    @classmethod
    def from_wire(cls, payload: Any) -> "Page":
        """Read a page, or a bare list; what is missing counts as not found."""
        payload = as_object(payload)
        found = {"data": payload} if isinstance(payload, list) else payload
        found = found if isinstance(found, Mapping) else {}
        listed = as_object(lookup(found, "data"))
        listed = [listed] if isinstance(listed, Mapping) else listed
        budget = WorkBudget()
        found_there = [as_object(one, budget) for one in listed] if isinstance(listed, list) else []
        entries = tuple(one for one in found_there if isinstance(one, dict))
        size = read_int(lookup(found, "size"))
        return cls(
            total=max(read_int(lookup(found, "total")) or 0, 0),
            number=read_int(lookup(found, "pageNum")) or 1,
            page_size=max(read_int(lookup(found, "pageSize")) or 0, 0),
            entries=entries,
            pages_said=max(read_int(lookup(found, "totalPage")) or 0, 0),
            size_said=size,
            is_whole=size is None or size <= len(found_there),
            unreadable=len(found_there) - len(entries),
        )


class PageWalk:
    """Which page to ask for next, and whether there is one.

    What a terminal says of totals may be missing or wrong. It is taken as a reason to go on, never
    as one to stop: that is a page that is empty, that is short with nothing more announced, or that
    is the page before once more, as terminals answer that know no pages.
    """

    def __init__(self, *, size: int, number: int = 1, read: int = 0) -> None:
        """Begin a walk.

        Args:
            size: entries asked for at once.
            number: page to begin with, from 1.
            read: entries on the pages before.
        """
        self.number = number
        self.read = read
        self.has_more = True
        self._size = size
        self._most = 0
        self._before: tuple[dict[str, Any], ...] | None = None

    def is_whole(self, page: Page) -> bool:
        """Return whether the requested page has all of its entries.

        Where ``size`` is the number of a full page or of the whole list, the total tells how many
        there must be, else ``totalPage`` that this page is the last one.
        """
        if page.is_whole:
            return True
        if page.size_said not in (page.page_size or self._size, self._size, page.total):
            return False
        if page.total:
            full = min(page.page_size or self._size, self._size)
            return page.length >= min(full, page.total - self.read)
        return 0 < page.pages_said <= self.number

    def take(self, page: Page) -> bool:
        """Advance past a page; returns whether its entries are new."""
        asked, self.number = self.number, self.number + 1
        is_new = bool(page.entries or page.unreadable) and page.entries != self._before
        if not is_new or asked >= PAGES_MAX:
            self.has_more = False
            return is_new
        self._before = page.entries
        length = page.length
        self.read += length
        self.has_more = (
            asked < page.pages or self.read < page.total or not self._is_short(page, asked)
        )
        self._most = max(self._most, length)
        return True

    def _is_short(self, page: Page, asked: int) -> bool:
        """Return whether a page has fewer entries than a full one.

        A terminal may give fewer at once than it was asked for, and not say so: then its first page
        is full, and the others are as long.
        """
        says_nothing = not (page.page_size or page.pages or page.total)
        length = page.length
        if says_nothing and (asked == 1 or self._most):
            return length < self._most
        return length < min(self._size, page.page_size or self._size)

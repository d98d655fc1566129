"""Search for parts of names or IDs, by index on PostgreSQL.

Names have two or three characters, too few for trigrams. Each row is found by its characters and by
each two of them that stand side by side (``menjin_pieces``, made by
``migration_operations.AddTextIndex``); then the text itself is compared.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q, TextField, Value
from django.utils.text import smart_split, unescape_string_literal

# Between columns; no word of a search holds it.
JOINED_BY = " || chr(10) || "


def words_of(search: str) -> list[str]:
    """Return the words of a search; what stands in quotes is one."""
    words = []
    for word in smart_split(search):
        is_quoted = len(word) > 1 and word[0] in "\"'" and word[0] == word[-1]
        words.append(unescape_string_literal(word) if is_quoted else word)
    return [word for word in words if word]


@dataclass(frozen=True, slots=True)
class SearchedText:
    """Columns of a table, never null, that are searched together without regard to case."""

    columns: tuple[str, ...]

    def found(self, word: str) -> Q:
        """Return the condition of rows that have a text within one of the columns."""
        # In this order: rows met otherwise are compared first, which costs a hundredth.
        return self.alike(word) & self.by_index(word)

    def by_index(self, word: str) -> Q:
        """Return what the index knows of rows that have a text: true of all, and of few others.

        Nothing of a single letter or digit, which is in most rows: they are met soon without it.
        """
        if connection.vendor != "postgresql" or (len(word) == 1 and word.isascii()):
            return Q()
        return Q(_joined(" @> ", _pieces(self._text()), _pieces(_lower(Value(word)))))

    def alike(self, word: str) -> Q:
        """Return the same condition for rows that are met otherwise, without the index."""
        if connection.vendor != "postgresql":
            parts = [Q(**{f"{name}__icontains": word}) for name in self.columns]
            return Q.create(list(parts), connector=Q.OR)
        pattern = f"%{connection.ops.prep_for_like_query(word)}%"
        return Q(_joined(" LIKE ", self._text(), _lower(Value(pattern))))

    def _text(self) -> Func:
        return _lower(_joined(JOINED_BY, *map(F, self.columns), output=TextField()))


def _joined(sign: str, *parts: Any, output: Any = None) -> Func:
    return Func(
        *parts,
        template="(%(expressions)s)",
        arg_joiner=sign,
        output_field=output or BooleanField(),
    )


def _lower(text: Any) -> Func:
    return Func(text, function="lower", output_field=TextField())


def _pieces(text: Any) -> Func:
    return Func(text, function="menjin_pieces", output_field=TextField())

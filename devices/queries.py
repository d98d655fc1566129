"""Statements written by hand: who calls, for every request of a terminal.

``tests/devices/test_queries.py`` compares each with its queryset.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from devices.choices import TerminalStatus
from devices.models import Site, SiteToken, Terminal
from server_common.raw_sql import columns_of, from_row, moment, rows_of, table, width_of

_TERMINAL, _SITE, _TOKEN = table(Terminal), table(Site), table(SiteToken)
# A token that counts now.
_COUNTS = "(k.ends_at IS NULL OR k.ends_at > %(now)s)"
_UNDER_TOKEN = f"""
SELECT {columns_of(Terminal, "t")}, {columns_of(Site, "s")}, k.id, k.terminal_id
FROM {_TERMINAL} t
JOIN {_SITE} s ON s.id = t.site_id
JOIN {_TOKEN} k ON k.site_id = s.id
WHERE k.digest = %(digest)s AND t.device_id = %(device_id)s AND {_COUNTS}
LIMIT 1
"""  # noqa: S608 - names of tables and columns
# For joined statements of other apps, so that these tables' columns and rules stand here only:
# terminal ``t`` (whose ``id``, ``site_id`` and ``all_libraries`` may be read), its site ``s``, and
# what must hold of the token %(token_id)s, or of the bare path, at the moment %(now)s.
TERMINAL = f"{_TERMINAL} t"
SITE_OF_TERMINAL = f"{_SITE} s ON s.id = t.site_id"
NETWORKS_OF_SITE = "s.allowed_networks"
IS_APPROVED = f"t.status = '{TerminalStatus.APPROVED.value}'"
MAY_USE_TOKEN = f"""EXISTS (SELECT 1 FROM {_TOKEN} k
    WHERE k.id = %(token_id)s AND k.site_id = t.site_id AND {_COUNTS}
      AND (k.terminal_id = t.id OR (k.terminal_id IS NULL AND t.own_address_since IS NULL)))"""  # noqa: S608
MAY_USE_BARE_PATH = "t.own_address_since IS NULL AND s.allow_bare_path"


@dataclass(frozen=True, slots=True)
class More:
    """What another app wants to know of a terminal in the same look at the database.

    Attributes:
        columns: behind ``SELECT``, of terminal ``t`` and the tables below.
        joins: behind ``FROM``.
    """

    columns: str = ""
    joins: str = ""


@dataclass(frozen=True, slots=True)
class CallerRow:
    """A terminal on file that calls under a token it may use now.

    Attributes:
        more: values of the columns that were asked for beside.
    """

    terminal_id: int
    site_id: int
    status: str
    all_libraries: bool
    server_url: str
    networks: list[str]
    token_id: int
    more: tuple[Any, ...] = ()


NO_MORE = More()


def terminal_under_token(
    *, digest: str, device_id: str, now: datetime
) -> tuple[Terminal, SiteToken] | None:
    """Return a terminal with its site, and the token of that site that has a digest."""
    parameters = {"digest": digest, "device_id": device_id, "now": moment(now)}
    for row in rows_of(_UNDER_TOKEN, parameters):
        terminal_end = width_of(Terminal)
        *of_site, token_id, owner_id = row[terminal_end:]
        terminal: Terminal = from_row(Terminal, row[:terminal_end])
        terminal.site = from_row(Site, tuple(of_site))
        return terminal, SiteToken(pk=token_id, terminal_id=owner_id)
    return None


def terminal_row(
    *, terminal_id: int, more: More, parameters: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """Return a terminal's id, site, status and ``all_libraries``, and what else is to be read."""
    rows = rows_of(_terminal(more), {**parameters, "terminal_id": terminal_id})
    return rows[0] if rows else None


@lru_cache(maxsize=32)
def _terminal(more: More) -> str:
    return f"""
SELECT t.id, t.site_id, t.status, t.all_libraries {more.columns}
FROM {TERMINAL} {more.joins}
WHERE t.id = %(terminal_id)s
"""  # noqa: S608 - names of tables


def terminal_key_share(*, terminal_id: int) -> None:
    """Take the weakest lock of a terminal's row until commit, for which Django has no word."""
    if connection.vendor != "postgresql":
        return  # SQLite lets one writer in at a time
    statement = f"SELECT 1 FROM {TERMINAL} WHERE t.id = %(terminal_id)s FOR KEY SHARE"  # noqa: S608
    rows_of(statement, {"terminal_id": terminal_id})


def caller_row(
    *,
    digests: Sequence[str],
    device_id: str,
    now: datetime,
    more: More = NO_MORE,
    parameters: Mapping[str, Any] | None = None,
) -> CallerRow | None:
    """Return a terminal by the token it calls under, if it may use that now.

    A terminal's first call under its own address is not among them: it has to be noted.

    Args:
        digests: of the token, newest key first.
        device_id: as the terminal calls itself.
        now: at which a token must count.
        more: what else to read.
        parameters: of ``more``, by name.
    """
    values = {f"digest_{place}": digest for place, digest in enumerate(digests)}
    values |= {"device_id": device_id, "now": moment(now)}
    for row in rows_of(_caller(len(digests), more), {**values, **(parameters or {})}):
        return _caller_of(*row)
    return None


def _caller_of(
    terminal_id: int,
    site_id: int,
    status: str,
    all_libraries: object,
    server_url: str,
    networks: object,
    token_id: int,
    *more: Any,
) -> CallerRow:
    """Return a row; SQLite knows neither booleans nor JSON."""
    return CallerRow(
        terminal_id=terminal_id,
        site_id=site_id,
        status=status,
        all_libraries=bool(all_libraries),
        server_url=server_url,
        networks=networks_of(networks),
        token_id=token_id,
        more=more,
    )


def networks_of(value: Any) -> list[str]:
    """Return a site's networks from the driver's value of their column."""
    found: list[str] = json.loads(value) if isinstance(value, str) else value
    return found


@lru_cache(maxsize=32)
def _caller(digests: int, more: More) -> str:
    places = ", ".join(f"%(digest_{place})s" for place in range(digests))
    return f"""
SELECT t.id, t.site_id, t.status, t.all_libraries, t.server_url, s.allowed_networks, k.id
  {more.columns}
FROM {_TERMINAL} t
JOIN {_SITE} s ON s.id = t.site_id
JOIN {_TOKEN} k ON k.site_id = t.site_id
{more.joins}
WHERE t.device_id = %(device_id)s AND k.digest IN ({places}) AND {_COUNTS}
  AND CASE WHEN t.own_address_since IS NULL THEN k.terminal_id IS NULL
    ELSE k.terminal_id = t.id END
"""  # noqa: S608 - names of tables, no value of any caller

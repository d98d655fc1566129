"""A terminal's last exchanges as a conversation, for "why does nothing arrive?"."""

import json
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from devices.admin.note_words import note_lines
from devices.services import Exchange
from server_common.admin import EMPTY, badge


def conversation(exchanges: list[Exchange]) -> SafeString | str:
    """Return a table, newest first: what it said, what it was answered, what came of it."""
    if not exchanges:
        return EMPTY
    rows = format_html_join(
        "",
        "<tr><td>{}<br><small>{}</small></td><td>{} {}</td><td><code>{}</code></td>"
        "<td><code>{}</code></td><td>{}</td><td>{} ms</td></tr>",
        (_row(exchange) for exchange in exchanges),
    )
    heads = (
        _("When"),
        _("Message"),
        _("The terminal said"),
        _("It was answered"),
        _("What came of it"),
        _("Took"),
    )
    head = format_html_join("", "<th>{}</th>", ((one,) for one in heads))
    return format_html(
        '<div style="overflow:auto;max-height:32em"><table><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        head,
        rows,
    )


def _row(exchange: Exchange) -> tuple[Any, ...]:
    moment = timezone.localtime(datetime.fromtimestamp(exchange.at, UTC))
    is_fine = exchange.status == 200 and exchange.answered.get("ret", "0") == "0"
    return (
        date_format(moment, "Y-m-d H:i:s"),
        exchange.address,
        exchange.kind,
        badge("good" if is_fine else "bad", str(exchange.answered.get("ret", exchange.status))),
        _short(exchange.said),
        _short(exchange.answered),
        note_lines(exchange.note),
        round(exchange.took_ms),
    )


def _short(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)[:600] if values else ""

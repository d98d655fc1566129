"""Content of the live page: cards of records and alerts, terminals, and counts of the day.

The cards of the first paint, of the catch-up and of the socket are made here, in the user's
language and time, so the browser only puts them where they belong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from console.time_zone import user_zone
from devices.choices import Presence, TerminalStatus
from devices.models import Terminal
from devices.selectors import (
    is_administrator,
    is_online,
    sites_managed,
    sites_visible,
    terminals_visible,
)
from devices.services import presence_last_seen
from faces.choices import PhotoStatus
from faces.models import FacePhoto
from records.choices import AlertKind, AlertState, Reason, RecordKind, Severity, VerificationResult
from records.live import alert_message, record_message
from records.models import Record
from records.selectors import alerts_visible, records_visible
from records.words import door_words, folded_words, shared_id_words
from server_common.admin import ago_words, clock_words, late_words, timing_words

RECORDS_SHOWN = 20
ALERTS_SHOWN = 50
# A screen has room for so many lines; terminals that are silent come first.
TERMINALS_SHOWN = 100
# Records are numbered when they begin and seen when they commit, so one with a smaller number may
# appear after a larger one; asking a little further back finds it, and the page knows its cards.
ID_OVERLAP = 50

Card = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Viewer:
    """User who sees the cards: time zone, and sites where alerts may be cleared (None: all).

    ``site_names`` is empty where the viewer sees one site: terminals need no site then.

    What is on a card is a help for the eye; the views check every press again.
    """

    zone: ZoneInfo
    managed: frozenset[int] | None
    site_names: Mapping[int, str] = field(default_factory=dict)

    def record_card(self, facts: dict[str, Any]) -> Card:
        """Return a record as one card; ``facts`` as ``records.live.record_message`` gives them."""
        reason = Reason(facts["reason"])
        is_pass = facts["kind"] == RecordKind.PASS
        celsius = facts["temperature_c"]
        number = facts["id"]
        return {
            "id": number,
            "replaces": facts.get("replaces", []),
            "tone": "good" if facts["door_opened"] else "bad" if is_pass else "quiet",
            "verdict": _verdict(facts, is_pass=is_pass),
            "reason": _why(facts, reason),
            "name": facts["user_name"] or facts["user_id"] or _("Unknown"),
            "user_id": facts["user_id"],
            "terminal": self.terminal(facts["site"], facts["terminal"]),
            "time": self._time(facts["received_at"]),
            "temperature": "" if celsius is None else f"{celsius:.1f} °C",
            "heat": "bad" if facts["fever"] else "good",
            "mask": _("No mask") if facts["mask"] is False else "",
            "similarity": _similarity(facts),
            "verification": ""
            if facts["verification"] == VerificationResult.OFF
            else str(VerificationResult(facts["verification"]).label),
            "picture": reverse("console:record-picture", args=[number])
            if facts["has_picture"]
            else "",
            "reference": reverse("console:record-reference", args=[number])
            if facts["has_reference"]
            else "",
        }

    def alert_card(self, facts: dict[str, Any]) -> Card:
        """Return an alert as one card; ``facts`` as ``records.live.alert_message`` gives them."""
        celsius = facts["facts"].get("temperature_c")
        detail = [
            facts.get("user_name", ""),
            facts["user_id"],
            f"{float(celsius):.1f} °C" if celsius else "",
            clock_words(
                facts["facts"].get("clock_skew_s"),
                is_still=facts["facts"].get("stands_still", False),
            ),
            late_words(facts["facts"].get("late_s")),
            shared_id_words(facts["facts"]),
            "" if facts.get("folded") else door_words(facts["kind"], facts["facts"]),
            folded_words(facts["kind"], facts.get("folded", 0)),
        ]
        may_clear = self.managed is None or facts["site"] in self.managed
        is_active = facts["state"] == AlertState.ACTIVE
        number = facts["id"]
        return {
            "id": number,
            "severity": facts["severity"],
            "severity_words": str(Severity(facts["severity"]).label),
            "state": facts["state"],
            "state_words": "" if is_active else str(AlertState(facts["state"]).label),
            "title": str(AlertKind(facts["kind"]).label),
            "terminal": self.terminal(facts["site"], facts["terminal"]),
            "detail": " · ".join(part for part in detail if part),
            "time": self._time(facts["raised_at"]),
            "acknowledge": reverse("console:alert-acknowledge", args=[number]) if is_active else "",
            "clear": reverse("console:alert-clear", args=[number]) if may_clear else "",
        }

    def terminal(self, site_id: int, name: str) -> str:
        """Name a terminal, with its site where the viewer sees several."""
        return " · ".join(part for part in (self.site_names.get(site_id, ""), name) if part)

    def _time(self, moment: str) -> str:
        at = datetime.fromisoformat(moment).astimezone(self.zone)
        today = timezone.now().astimezone(self.zone).date()
        return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%m-%d %H:%M}"


def _verdict(facts: dict[str, Any], *, is_pass: bool) -> str:
    if facts["door_opened"]:
        return _("Door opened")
    return _("Kept closed") if is_pass else _("Temperature reading")


def _why(facts: dict[str, Any], reason: Reason) -> str:
    """Say why the door stayed closed, how late the message came and how often again."""
    words = "" if facts["door_opened"] else str(reason.label)
    timing = timing_words(facts["is_late"], facts["late_s"], facts["repeats"])
    return " · ".join(part for part in (words, timing) if part)


def _similarity(facts: dict[str, Any]) -> str:
    """Say how alike the faces are: the platform's own figure, else the terminal's."""
    if facts["score"] is not None:
        return _("%(score).0f of 100") % {"score": facts["score"]}
    if facts["similarity"] is not None:
        return _("%(score).0f of 100 (terminal)") % {"score": facts["similarity"]}
    return ""


def viewer_of(user: Any) -> Viewer:
    """Return the viewer of a user."""
    managed = (
        None
        if is_administrator(user)
        else frozenset(sites_managed(user).values_list("pk", flat=True))
    )
    names = dict(sites_visible(user).values_list("pk", "name"))
    several = names if len(names) > 1 else {}
    return Viewer(zone=user_zone(user), managed=managed, site_names=several)


def live_view_state(user: Any, *, after: int = 0) -> dict[str, Any]:
    """Return the whole content of the live page as plain JSON values.

    Args:
        user: sees the sites they are a member of.
        after: id of the newest record already shown; older ones are left out.
    """
    viewer = viewer_of(user)
    since = max(0, after - ID_OVERLAP)
    # Made once: it asks for the user's sites.
    visible = records_visible(user)
    records = (
        visible.select_related("terminal__site")
        .filter(pk__gt=since)
        .order_by("-pk")[:RECORDS_SHOWN]
    )
    alerts = (alerts_visible(user).exclude(state=AlertState.CLEARED).order_by(*_worst_first()))[
        :ALERTS_SHOWN
    ]
    terminals = _terminals(user, viewer)
    return {
        "records": [viewer.record_card(facts) for facts in _record_facts(records)],
        "alerts": [viewer.alert_card(alert_message(alert)["alert"]) for alert in alerts],
        "terminals": terminals,
        "counts": _counts(visible, viewer.zone, terminals),
    }


def _record_facts(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return what records announce, a photo on file promised only where there is one."""
    rows = list(records)
    accepted = FacePhoto.objects.filter(person__in=[row.person_id for row in rows if row.person_id])
    pictured = set(accepted.filter(status=PhotoStatus.OK).values_list("person_id", flat=True))
    return [
        {**record_message(row)["record"], "has_reference": row.person_id in pictured}
        for row in rows
    ]


def _worst_first() -> list[Any]:
    rank = Case(
        When(state=AlertState.ACKNOWLEDGED, then=Value(2)),
        When(severity=Severity.CRITICAL, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    return [rank, "-raised_at", "-pk"]


def _terminals(user: Any, viewer: Viewer) -> list[Card]:
    silent_first = Case(
        When(presence=Presence.OFFLINE, then=Value(0)),
        When(status=TerminalStatus.PENDING, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = list(
        terminals_visible(user)
        .exclude(status=TerminalStatus.DISABLED)
        .order_by(silent_first, F("presence_since").desc(nulls_last=True), "device_id")[
            :TERMINALS_SHOWN
        ]
    )
    seen = presence_last_seen(rows)
    return [_terminal_card(row, seen[row.pk], viewer) for row in rows]


def _terminal_card(terminal: Terminal, seen_at: datetime | None, viewer: Viewer) -> Card:
    pending = terminal.status == TerminalStatus.PENDING
    tone = "quiet" if seen_at is None else "good" if is_online(terminal, seen_at) else "bad"
    return {
        "id": terminal.pk,
        "tone": tone,
        "name": viewer.terminal(terminal.site_id, str(terminal)),
        "device_id": terminal.device_id,
        "heard": ago_words(seen_at),
        "state_words": str(TerminalStatus.PENDING.label) if pending else "",
    }


def _counts(records: QuerySet[Record], zone: ZoneInfo, terminals: list[Card]) -> Card:
    midnight = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    is_pass = Q(kind=RecordKind.PASS)
    today = records.filter(received_at__gte=midnight)
    counts: Card = today.aggregate(
        passes=Count("pk", filter=is_pass),
        opened=Count("pk", filter=Q(door_opened=True)),
        refused=Count("pk", filter=is_pass & Q(door_opened=False)),
        fevers=Count("pk", filter=Q(temperature_c__gte=F("site__temperature_limit_c"))),
    )
    counts["online"] = sum(card["tone"] == "good" for card in terminals)
    counts["terminals"] = len(terminals)
    return counts

"""Words for what alerts measured and decisions were made from, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.choices import Direction, LatePasses, Unverifiable, Verification
from faces.choices import Category, PersonState
from faces.selectors import library_names
from records.choices import Passback, Reason, Timing, VerificationResult
from server_common.admin import EMPTY, named_table

_LABELS = {
    "rule": gettext_lazy("deciding rule"),
    "policy": gettext_lazy("what site and terminal say"),
    "person": gettext_lazy("person"),
    "evidence": gettext_lazy("what was reported and seen"),
    "verification": gettext_lazy("verification"),
    "ms": gettext_lazy("milliseconds"),
    "total_ms": gettext_lazy("milliseconds in all"),
    "terminal_approved": gettext_lazy("the terminal is approved"),
    "when_unverifiable": gettext_lazy("when the face cannot be verified"),
    "temperature_limit_c": gettext_lazy("temperature limit (°C)"),
    "fever_closes_door": gettext_lazy("fever keeps the door closed"),
    "photo_on_file_closes_door": gettext_lazy("the photo on file sent back keeps the door closed"),
    "is_photo_on_file": gettext_lazy("the picture is the photo on file"),
    "mask_required": gettext_lazy("a mask is required"),
    "unlock_delay_ms": gettext_lazy("door stays open (ms)"),
    "similarity_floor": gettext_lazy("least similarity (terminal)"),
    "passback": gettext_lazy("same direction twice"),
    "late_passes": gettext_lazy("passes that come late"),
    "category": gettext_lazy("category"),
    "state": gettext_lazy("state"),
    "valid_from": gettext_lazy("may pass from"),
    "valid_until": gettext_lazy("may pass until"),
    "is_at_door": gettext_lazy("may pass this door"),
    "is_within_hours": gettext_lazy("may pass at this time"),
    "has_passed_back": gettext_lazy("has passed in this direction before"),
    "libraries": gettext_lazy("libraries at this door"),
    "libraries_allowing": gettext_lazy("libraries that allow this time"),
    "last_way": gettext_lazy("last pass counted"),
    "record": gettext_lazy("record"),
    "previous_record": gettext_lazy("previous record"),
    "direction": gettext_lazy("direction"),
    "at": gettext_lazy("moment"),
    "door_opened": gettext_lazy("the door opened"),
    "temperature_c": gettext_lazy("temperature (°C)"),
    "limit_c": gettext_lazy("temperature limit (°C)"),
    "mask": gettext_lazy("mask"),
    "similarity": gettext_lazy("similarity (terminal)"),
    "timing": gettext_lazy("arrival"),
    "verdict": gettext_lazy("what the comparison said"),
    "model": gettext_lazy("recognition model"),
    "threshold": gettext_lazy("threshold (cosine)"),
    "cosine": gettext_lazy("cosine"),
    "margin": gettext_lazy("above the threshold by"),
    "other_must_lead_by": gettext_lazy("another person must be closer by"),
    "closest_other": gettext_lazy("closest other person"),
    "negative": gettext_lazy("closest face that is not this person's"),
    "user_id": gettext_lazy("user ID"),
    "id": gettext_lazy("number"),
    "score": gettext_lazy("score"),
    "clock_skew_s": gettext_lazy("clock is off by (seconds)"),
    "stands_still": gettext_lazy("the clock stands still"),
    "late_s": gettext_lazy("came late by (seconds)"),
    "last_seen_at": gettext_lazy("last heard"),
    "address": gettext_lazy("address"),
    "device_id": gettext_lazy("device ID"),
    "signs": gettext_lazy("told apart by"),
    "feature": gettext_lazy("sign"),
    "first": gettext_lazy("first"),
    "second": gettext_lazy("second"),
    "turns": gettext_lazy("turns"),
    "decode": gettext_lazy("reading the picture"),
    "describe": gettext_lazy("recognising the face"),
    "search": gettext_lazy("comparing"),
    "decide": gettext_lazy("deciding"),
}
_LIBRARIES = ("libraries", "libraries_allowing")
_VALUES: dict[str, Mapping[Any, Any]] = {
    "rule": dict(Reason.choices),
    "verification": {**dict(Verification.choices), **dict(VerificationResult.choices)},
    "when_unverifiable": dict(Unverifiable.choices),
    "passback": dict(Passback.choices),
    "late_passes": dict(LatePasses.choices),
    "category": dict(Category.choices),
    "state": dict(PersonState.choices),
    "timing": dict(Timing.choices),
    "direction": dict(Direction.choices),
    "verdict": {
        "match": gettext_lazy("the same person"),
        "negative": gettext_lazy("closer to a face that is not this person's"),
        "below_threshold": gettext_lazy("not similar enough"),
        "closer_other": gettext_lazy("another person is closer"),
        "incomplete": gettext_lazy("the picture is not whole"),
        "no_reference": gettext_lazy("no photo on file"),
    },
    "feature": {
        "address": gettext_lazy("address"),
        "cursor": gettext_lazy("asked for people since"),
        "label": gettext_lazy("device number"),
        "server": gettext_lazy("server"),
        "firmware": gettext_lazy("firmware"),
    },
}


def decision_table(trace: Mapping[str, Any]) -> SafeString | str:
    """Return what a decision was made from as a table, its libraries by their names."""
    person = trace.get("person")
    if not isinstance(person, Mapping):
        return trace_table(trace)
    names = library_names(pk for field in _LIBRARIES for pk in person.get(field) or ())
    named = {
        field: [
            names.get(pk) or _("library %(number)s, deleted since") % {"number": pk}
            for pk in person[field]
        ]
        for field in _LIBRARIES
        if person.get(field)
    }
    return trace_table({**trace, "person": {**person, **named}})


def trace_table(trace: Mapping[str, Any]) -> SafeString | str:
    """Return measured values and inputs as a table; what is inside of another is one deeper."""
    return named_table(
        (_LABELS.get(name, name), _shown(name, value)) for name, value in trace.items()
    )


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return trace_table(value)
    if isinstance(value, list):
        parts = [_shown(name, one) for one in value]
        return (
            format_html_join("", "<div>{}</div>", ((part,) for part in parts)) if parts else EMPTY
        )
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value is None or value == "":
        return EMPTY
    return _VALUES.get(name, {}).get(value, value)

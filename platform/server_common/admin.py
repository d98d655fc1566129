"""Parts of every admin list: dots, badges, times in words."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Tone = Literal["good", "bad", "warn", "info", "quiet"]

EMPTY = "–"
# Frame where there is no picture.
NO_PICTURE = SafeString('<span class="mj-photo mj-no-picture"></span>')
_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
# Seconds tell an operator more than "a minute ago" when a heartbeat is due twice a minute.
_SECONDS_UP_TO = 2 * _MINUTE_S


def badge(tone: Tone, text: object) -> SafeString:
    """Return a word on a coloured ground."""
    return format_html('<span class="mj-badge mj-{}">{}</span>', tone, text)


def dot(tone: Tone, text: object) -> SafeString:
    """Return a coloured dot with its word; the word is there for those who see no colour."""
    return format_html('<span class="mj-dot mj-{}"></span>{}', tone, text)


def thumbnail(address: str, text: object, *, large: bool = False) -> SafeString:
    """Return a picture by its address; ``text`` is said where it cannot be seen."""
    css = "mj-photo mj-photo-large" if large else "mj-photo"
    return format_html('<img class="{}" src="{}" alt="{}" loading="lazy">', css, address, text)


def lines(texts: Iterable[object]) -> SafeString:
    """Return texts below each other."""
    return format_html_join("", '<div class="mj-line">{}</div>', ((text,) for text in texts))


def named_table(rows: Iterable[tuple[object, object]]) -> SafeString | str:
    """Return values below each other, each beside its name; a dash where there are none."""
    body = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", rows)
    return format_html('<table class="mj-trace">{}</table>', body) if body else EMPTY


def ago_words(moment: datetime | None, *, now: datetime | None = None) -> str:
    """Say how long ago something was: "94 s ago", "3 h ago", "never"."""
    if moment is None:
        return _("never")
    passed_s = max(0, int(((now or timezone.now()) - moment).total_seconds()))
    if passed_s < _SECONDS_UP_TO:
        return _("%(count)d s ago") % {"count": passed_s}
    if passed_s < 2 * _HOUR_S:
        return _("%(count)d min ago") % {"count": passed_s // _MINUTE_S}
    if passed_s < 2 * _DAY_S:
        return _("%(count)d h ago") % {"count": passed_s // _HOUR_S}
    days = passed_s // _DAY_S
    return ngettext("%(count)d day ago", "%(count)d days ago", days) % {"count": days}


def span_words(seconds: float) -> str:
    """Say how long something lasts: "45 s", "12 min", "2 h 5 min", "3 d 4 h"."""
    whole = round(abs(seconds))
    if whole < _SECONDS_UP_TO:
        return _("%(count)d s") % {"count": whole}
    minutes = whole // _MINUTE_S
    hours, days = whole // _HOUR_S, whole // _DAY_S
    if not hours:
        return _("%(minutes)d min") % {"minutes": minutes}
    if not days:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes % 60}
    return _("%(days)d d %(hours)d h") % {"days": days, "hours": hours % 24}


def skew_words(seconds: float | None) -> str:
    """Say how far a clock is off; empty when it is not. Positive seconds: it is behind."""
    if not seconds:
        return ""
    span = span_words(seconds)
    return (_("%(span)s behind") if seconds > 0 else _("%(span)s ahead")) % {"span": span}


def late_words(seconds: float | None) -> str:
    """Say that something happened long before it was heard of; empty when it did not."""
    return _("%(span)s before it arrived") % {"span": span_words(seconds)} if seconds else ""


def timing_words(is_late: bool, late_s: float | None, repeats: int) -> str:  # noqa: FBT001 - a column
    """Say that a message came late, and how often it came again; empty when neither."""
    words = []
    if is_late:
        words.append(
            _("late") if late_s is None else _("late: %(span)s") % {"span": span_words(late_s)}
        )
    if repeats:
        words.append(
            ngettext("repeated %(count)d time", "repeated %(count)d times", repeats)
            % {"count": repeats}
        )
    return " · ".join(words)


def clock_words(skew_s: float | None, *, is_still: bool) -> str:
    """Say what is wrong with a clock; empty when nothing is."""
    return _("stands still") if is_still else skew_words(skew_s)


def masked(secret: str, *, shown: int = 4) -> str:
    """Return dots and the last characters, enough to recognise a number and not to know it."""
    if not secret:
        return ""
    return "•" * max(4, len(secret) - shown) + (secret[-shown:] if len(secret) > 2 * shown else "")

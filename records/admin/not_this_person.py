"""The button “Not this person” of records: what would happen is said before it is confirmed."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from records.admin.pictures import pictures_named
from records.choices import NegativeEffect
from records.models import FaceNegative, Record
from records.services import effect_words, negative_effect, not_this_person_foresee
from server_common.admin import EMPTY, Tone, badge, lines

# Each of them is recognised while the page is made.
RECORDS_MAX = 20


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A chosen record, what would come of it, and where to replace the photo instead."""

    record: Record
    title: str
    words: str
    pictures: SafeString
    is_possible: bool = False
    replace_at: str = ""


def foresee_page(
    request: HttpRequest, records: list[Record], context: dict[str, Any]
) -> HttpResponse:
    """Return the page that says of each record what would happen, and asks.

    Raises:
        face_engine.ModelMissing: the models are not installed.
    """
    foreseen = [_foreseen(record) for record in records]
    return TemplateResponse(
        request,
        "records/not_this_person.html",
        {
            **context,
            "title": _("Mark as not this person"),
            "records_name": Record._meta.verbose_name_plural,
            "foreseen": foreseen,
            "possible": any(one.is_possible for one in foreseen),
        },
    )


def said_words(record: Record) -> SafeString | str:
    """Say who found that a pass shows another person, when, and what comes of it now."""
    negative: FaceNegative | None = getattr(record, "negative", None)
    if negative is None:
        return EMPTY
    said = timezone.localtime(negative.created_at)
    effect = negative_effect(negative)
    tone: Tone = "good" if effect == NegativeEffect.REFUSES else "warn"
    by = f"{negative.created_by or EMPTY}, {said:%Y-%m-%d %H:%M:%S}"
    shown = lines([format_html("{} {}", by, badge(tone, effect.label)), effect_words(effect)])
    if effect == NegativeEffect.LOOKS_LIKE_PHOTO:
        link = format_html('<a href="{}">{}</a>', _photo_page(record), _("Replace the photo"))
        return format_html("{}{}", shown, lines([link]))
    return shown


def _foreseen(record: Record) -> Foreseen:
    title = f"{record.user_name or EMPTY} ({record.user_id or EMPTY})"
    title += f", {timezone.localtime(record.received_at):%Y-%m-%d %H:%M:%S}"
    pictures = pictures_named(record)
    try:
        effect = not_this_person_foresee(record=record)
    except ValidationError as error:
        return Foreseen(record, title, " ".join(error.messages), pictures)
    words = effect_words(effect)
    if effect == NegativeEffect.LOOKS_LIKE_PHOTO:
        return Foreseen(record, title, words, pictures, replace_at=_photo_page(record))
    return Foreseen(record, title, words, pictures, is_possible=True)


def _photo_page(record: Record) -> str:
    if record.person_id is None:
        return ""
    return reverse("admin:faces_person_change", args=[record.person_id])

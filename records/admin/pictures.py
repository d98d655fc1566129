"""The picture of a pass beside the photo on file; the addresses check who may see them."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from records.services import WAITS
from server_common.admin import NO_PICTURE, badge, thumbnail


def pictures_of(record: Any, *, large: bool) -> SafeString:
    """Return both pictures.

    Args:
        record: with ``has_reference``: whether its person has an accepted photo.
        large: as on the record's own page.
    """
    return format_html(
        '<span class="mj-pair">{}{}</span>',
        _taken(record, large=large),
        _on_file(record, large=large),
    )


def pictures_named(record: Any) -> SafeString:
    """Return both pictures large, each with what it is below it."""
    shown = [(_taken(record, large=True), _("at the door"))]
    if record.has_reference:
        shown.append((_on_file(record, large=True), _("on file")))
    figure = "<figure>{}<figcaption>{}</figcaption></figure>"
    return format_html('<div class="mj-pair">{}</div>', format_html_join("", figure, shown))


def _taken(record: Any, *, large: bool) -> SafeString:
    if record.picture_id is not None:
        address = reverse("console:record-picture", args=[record.pk])
        return thumbnail(address, _("picture taken"), large=large)
    if WAITS in record.faults:
        return badge("warn", _("Picture kept until the terminal is approved"))
    return NO_PICTURE


def _on_file(record: Any, *, large: bool) -> SafeString:
    if not record.has_reference:
        return SafeString("")
    address = reverse("console:record-reference", args=[record.pk])
    return thumbnail(address, _("photo on file"), large=large)

"""Addresses that are typed into terminals, as text and as a QR code."""

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

_MODULE_PX = 4


def address_card(address: str, *, element_id: str, help_text: str) -> SafeString:
    """Return an address with a button that copies it, its QR code, and what to do with it.

    Args:
        address: the whole BaseUrl.
        element_id: of the text, unlike any other on the page.
        help_text: below it.
    """
    return format_html(
        '<span class="mj-address"><code id="{}">{}</code>'
        '<button type="button" class="button" data-copy="{}" data-done="{}">{}</button></span>'
        '<div class="mj-qr">{}</div><div class="mj-help">{}</div>',
        element_id,
        address,
        element_id,
        _("Copied"),
        _("Copy"),
        _code(address),
        help_text,
    )


def _code(address: str) -> SafeString:
    # White around and below the code: cameras find none on a dark page.
    svg = segno.make(address, micro=False, error="m").svg_inline(
        scale=_MODULE_PX, light="#fff", svgclass=None, lineclass=None, title=_("QR code")
    )
    return mark_safe(svg)  # noqa: S308 - squares, made here; a title of ours

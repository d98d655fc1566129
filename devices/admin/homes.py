"""Addresses that terminals call from, on their pages: which are new, and approving those."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from devices.models import Terminal
from devices.services import address_approve, addresses_new
from server_common.admin import EMPTY, ago_words, badge, lines

_SHOWN = 20


def addresses_words(terminal: Terminal) -> SafeString | str:
    """List the addresses a terminal has called from, the latest first, and say which are new."""
    new = {row.pk for row in addresses_new(terminal)}
    rows = [
        format_html(
            "{} {} {}",
            row.address,
            badge("warn", _("new address")) if row.pk in new else "",
            _("first heard %(ago)s") % {"ago": ago_words(row.first_seen_at)},
        )
        for row in terminal.addresses.all()[:_SHOWN]
    ]
    return lines(rows) if rows else EMPTY


def approve_address(
    request: HttpRequest, terminals: admin.ModelAdmin, object_id: str
) -> HttpResponseBase:
    """Let a terminal live at the address of ``address`` in the form."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    terminal: Any = terminals.get_object(request, object_id)
    if terminal is None:
        raise Http404
    if not terminals.has_change_permission(request, terminal):
        raise PermissionDenied
    wanted = request.POST.get("address", "")
    row = next((one for one in terminal.addresses.all() if one.address == wanted), None)
    if row is None:
        raise Http404
    address_approve(address=row)
    words = _("%(terminal)s is believed when it calls from %(address)s from now on.")
    text = words % {"terminal": terminal, "address": row.address}
    terminals.message_user(request, text, messages.SUCCESS)
    return HttpResponseRedirect(reverse("admin:devices_terminal_change", args=[terminal.pk]))

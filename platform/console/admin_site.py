"""The admin, with the product's name and the way to the live page."""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class MenjinAdminSite(AdminSite):
    """Where community managers work."""

    site_header = _("Menjin")
    site_title = _("Menjin")
    index_title = _("Doors, people and records")
    site_url = "/"

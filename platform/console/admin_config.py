"""The Django admin under the product's name, for ``INSTALLED_APPS``."""

from django.contrib.admin.apps import AdminConfig


class MenjinAdminConfig(AdminConfig):
    """The Django admin under the product's name."""

    default_site = "console.admin_site.MenjinAdminSite"

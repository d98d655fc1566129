"""The app of sites and terminals."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DevicesConfig(AppConfig):
    name = "devices"
    verbose_name = _("Doors and terminals")

    def ready(self) -> None:
        from devices.command_kinds import kinds_load
        from devices.services import register_jobs
        from devices.watched import watch_rows

        watch_rows()
        register_jobs()
        kinds_load("devices.commands")

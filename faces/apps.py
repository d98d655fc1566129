"""The app of people, faces and what terminals hold of them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FacesConfig(AppConfig):
    name = "faces"
    verbose_name = _("People and faces")

    def ready(self) -> None:
        from devices.extensions import terminal_extension_register
        from faces import checks, commands  # noqa: F401 - register themselves
        from faces.extensions import LibrariesOfTerminals
        from faces.file_names import own_files
        from faces.services.jobs import register_jobs
        from faces.watched import watch_rows

        watch_rows()
        own_files()
        register_jobs()
        terminal_extension_register(LibrariesOfTerminals())

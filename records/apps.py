"""The app of what terminals report."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecordsConfig(AppConfig):
    name = "records"
    verbose_name = _("Records and alerts")

    def ready(self) -> None:
        from devices.extensions import terminal_extension_register
        from devices.services import note_words_register
        from records import commands  # noqa: F401 - registers itself
        from records.choices import Reason
        from records.extensions import RecordsOfTerminals
        from records.file_names import own_files
        from records.services.jobs import register_jobs
        from records.watched import watch_rows

        watch_rows()
        own_files()
        register_jobs()
        terminal_extension_register(RecordsOfTerminals())
        note_words_register("reason", dict(Reason.choices))

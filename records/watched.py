"""Which columns of the rules of passing are audited."""

from devices.choices import AuditKind
from records.models import PassRules
from server_common.change_tracking import watch


def watch_rows() -> None:
    """Begin to watch, when the app is ready."""
    fields = ["similarity_floor", "photo_on_file_closes_door", "passback", "passback_minutes"]
    watch(PassRules, kind=AuditKind.RULES, fields=fields, site="site")

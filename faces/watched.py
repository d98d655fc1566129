"""Which columns of libraries and time plans are audited, and which libraries terminals hold."""

from devices.choices import AuditKind
from faces.models import (
    Holiday,
    Library,
    LibraryPlan,
    TerminalLibrary,
    TimePlan,
    TimePlanInterval,
)
from server_common.change_tracking import watch


def watch_rows() -> None:
    """Begin to watch, when the app is ready."""
    kind = AuditKind.TIME_PLAN
    hours = ["weekday", "starts_at", "ends_at"]
    watch(Library, kind=AuditKind.LIBRARY, fields=["name"], site="site")
    watch(TimePlan, kind=kind, fields=["name"], site="site")
    watch(TimePlanInterval, kind=kind, fields=hours, site="plan.site", name="plan")
    watch(Holiday, kind=kind, fields=["date", "name", "counts_as"], site="site")
    watch(
        TerminalLibrary,
        kind=AuditKind.TERMINAL,
        fields=["library"],
        site="terminal.site",
        name="terminal",
    )
    watch(LibraryPlan, kind=kind, fields=["library", "plan"], site="plan.site", name="plan")

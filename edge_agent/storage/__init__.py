"""Database of a terminal: people, queue, records, and the disk quota."""

from edge_agent.storage.database import DATABASE_NAME, Database, DiskFull, FileEvent, open_read_only
from edge_agent.storage.disk_quota import DiskQuota
from edge_agent.storage.events import Counts, Event, count_events, encode, lightened, oldest_event
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.people_rows import (
    AppliedChanges,
    Change,
    DeletePerson,
    EnrolledPerson,
    Face,
    Match,
    SavePerson,
    apply_changes,
    enrolled_details,
    read_enrolled,
    type_sql,
    user_type_number,
)
from edge_agent.storage.records import (
    BY_CARD,
    RELAY_FAILED,
    Openings,
    Outcome,
    RecordFilter,
    RecordLog,
    Retention,
    Visit,
    newest_pass,
    outcome_of,
)
from edge_agent.storage.schema import get_fact, set_fact
from edge_agent.storage.store import Store
from edge_agent.storage.sync_state import SyncState, read_sync_state

__all__ = [
    "BY_CARD",
    "DATABASE_NAME",
    "RELAY_FAILED",
    "AppliedChanges",
    "Change",
    "Counts",
    "Database",
    "DeletePerson",
    "DiskFull",
    "DiskQuota",
    "EnrolledPerson",
    "Event",
    "Face",
    "FileEvent",
    "Match",
    "Openings",
    "Outbox",
    "Outcome",
    "RecordFilter",
    "RecordLog",
    "Retention",
    "SavePerson",
    "Store",
    "SyncState",
    "Visit",
    "apply_changes",
    "count_events",
    "encode",
    "enrolled_details",
    "get_fact",
    "lightened",
    "newest_pass",
    "oldest_event",
    "open_read_only",
    "outcome_of",
    "read_enrolled",
    "read_sync_state",
    "set_fact",
    "type_sql",
    "user_type_number",
]

"""All writes to sites and terminals, and the admission of callers."""

from devices.commands.json import JSON_SENT_MAX
from devices.commands.settings import device_work, set_clock

from .addresses_seen import addresses_settle
from .admission import (
    Admission,
    Caller,
    HeardTerminal,
    Refusal,
    admit,
    admit_heartbeat,
    heartbeat_known,
    is_address_allowed,
    token_digests,
    token_fits,
)
from .audit import audit_changes, audit_forget, audit_note, audit_notes
from .caller_signs import CallerSign
from .callers import callers_turned
from .calling_changes import calling_check, calling_moved
from .calls import call_taken
from .clocks import (
    CLOCK_TOLERANCE_S,
    ClockTurn,
    LastUpload,
    clock_answered,
    clock_heard,
    clock_known,
)
from .command_work import CallSession, CommandTakenAway, Ended, command_work
from .commands import (
    SCHEDULE,
    Requested,
    Requester,
    clocks_sync_all,
    command_cancel,
    commands_dispatch,
    commands_forget,
    commands_request,
    commands_sweep,
)
from .confirmations import confirmation_token, is_confirmed
from .contacts import (
    Heard,
    call_target,
    contact_note,
    contact_pushes,
    contact_pushes_none,
    terminal_reach,
    uncallable_word,
)
from .homes import (
    Whereabouts,
    address_return_settled,
    addresses_returned,
    is_token_in_force,
    whereabouts,
)
from .job_kinds import JobKind, JobStep, job_kind, job_kind_register, job_kinds_all, over_ids
from .jobs import job_start, job_work, jobs_forget, jobs_start, jobs_sweep
from .limits import stranger_may_call
from .newcomers import (
    Flood,
    came_with_flood,
    displaced_newcomers,
    floods,
    newcomers_since,
    silent_newcomers,
)
from .payloads import PUSH_CHOICES, command_payload
from .presence import (
    PresenceTurn,
    presence_flush,
    presence_last_seen,
    presence_seen,
    presence_sweep,
)
from .recorder import (
    Answered,
    Exchange,
    exchange_keep,
    exchanges_last,
    masked,
    note_words,
    note_words_register,
)
from .refused_reading import RefusedShown, refused_calls
from .refused_store import refused_note
from .remembered import AdmissionOutdated, admissions_forget_on_commit
from .repairs import repairs_count
from .shared_ids import shared_id_signs
from .sites import (
    site_change,
    site_create,
    site_erase,
    site_token_rotate,
    terminal_address_end,
    terminal_address_replace,
)
from .terminal_settings import (
    GROUP_CALLS,
    Difference,
    differences,
    settings_checked,
    settings_reported,
    settings_want,
    settings_want_also,
)
from .terminals import (
    heartbeat_note,
    is_never_approved,
    server_url_shown,
    terminal_approve,
    terminal_describe,
    terminal_disable,
    terminal_locked,
)
from .tokens import (
    api_token_create,
    api_token_make,
    api_token_revoke,
    api_token_used,
    api_token_user,
)

__all__ = [
    "CLOCK_TOLERANCE_S",
    "GROUP_CALLS",
    "JSON_SENT_MAX",
    "PUSH_CHOICES",
    "SCHEDULE",
    "Admission",
    "AdmissionOutdated",
    "Answered",
    "CallSession",
    "Caller",
    "CallerSign",
    "ClockTurn",
    "CommandTakenAway",
    "Difference",
    "Ended",
    "Exchange",
    "Flood",
    "Heard",
    "HeardTerminal",
    "JobKind",
    "JobStep",
    "LastUpload",
    "PresenceTurn",
    "Refusal",
    "RefusedShown",
    "Requested",
    "Requester",
    "Whereabouts",
    "address_return_settled",
    "addresses_returned",
    "addresses_settle",
    "admissions_forget_on_commit",
    "admit",
    "admit_heartbeat",
    "api_token_create",
    "api_token_make",
    "api_token_revoke",
    "api_token_used",
    "api_token_user",
    "audit_changes",
    "audit_forget",
    "audit_note",
    "audit_notes",
    "call_taken",
    "call_target",
    "callers_turned",
    "calling_check",
    "calling_moved",
    "came_with_flood",
    "clock_answered",
    "clock_heard",
    "clock_known",
    "clocks_sync_all",
    "command_cancel",
    "command_payload",
    "command_work",
    "commands_dispatch",
    "commands_forget",
    "commands_request",
    "commands_sweep",
    "confirmation_token",
    "contact_note",
    "contact_pushes",
    "contact_pushes_none",
    "device_work",
    "differences",
    "displaced_newcomers",
    "exchange_keep",
    "exchanges_last",
    "floods",
    "heartbeat_known",
    "heartbeat_note",
    "is_address_allowed",
    "is_confirmed",
    "is_never_approved",
    "is_token_in_force",
    "job_kind",
    "job_kind_register",
    "job_kinds_all",
    "job_start",
    "job_work",
    "jobs_forget",
    "jobs_start",
    "jobs_sweep",
    "masked",
    "newcomers_since",
    "note_words",
    "note_words_register",
    "over_ids",
    "presence_flush",
    "presence_last_seen",
    "presence_seen",
    "presence_sweep",
    "refused_calls",
    "refused_note",
    "repairs_count",
    "server_url_shown",
    "set_clock",
    "settings_checked",
    "settings_reported",
    "settings_want",
    "settings_want_also",
    "shared_id_signs",
    "silent_newcomers",
    "site_change",
    "site_create",
    "site_erase",
    "site_token_rotate",
    "stranger_may_call",
    "terminal_address_end",
    "terminal_address_replace",
    "terminal_approve",
    "terminal_describe",
    "terminal_disable",
    "terminal_locked",
    "terminal_reach",
    "token_digests",
    "token_fits",
    "uncallable_word",
    "whereabouts",
]

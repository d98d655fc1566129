"""Values with stable names; the database and the REST interface use them as they stand."""

from enum import StrEnum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class TerminalStatus(TextChoices):
    """Life of a terminal: pending → approved ⇄ disabled."""

    PENDING = "pending", _("Waiting for approval")
    APPROVED = "approved", _("Approved")
    DISABLED = "disabled", _("Disabled")


class Direction(TextChoices):
    """Which way people pass at a terminal (actionCode of seed 9.2: 1 in, 2 out)."""

    UNKNOWN = "unknown", _("Not said")
    IN = "in", _("In")
    OUT = "out", _("Out")
    BOTH = "both", _("In and out")


class Verification(TextChoices):
    """What a site does with the platform's own look at the picture of a pass."""

    OFF = "off", _("Off: believe the terminal")
    OBSERVE = "observe", _("Observe: compare and alarm, let the terminal decide")
    ENFORCE = "enforce", _("Enforce: open only when the face is confirmed")


class LatePasses(TextChoices):
    """What a late pass does to the door; it is stored, verified and shown either way."""

    STRICT = "strict", _("Keep the door closed")
    LENIENT = "lenient", _("Decide like any other")


class Unverifiable(TextChoices):
    """What an enforcing site does when a pass cannot be verified at all."""

    DENY = "deny", _("Keep the door closed")
    ALLOW = "allow", _("Believe the terminal")


class Presence(TextChoices):
    """What the platform knows of a terminal's connection: never → online ⇄ offline."""

    NEVER = "never", _("Never seen")
    ONLINE = "online", _("Online")
    OFFLINE = "offline", _("Offline")


class Trust(TextChoices):
    """By what the platform knows that it is this terminal that calls."""

    OWN_AND_ADDRESS = "own_and_address", _("Its own secret address and known network")
    OWN = "own", _("Its own secret address")
    TOKEN_AND_ADDRESS = (
        "token_and_address",
        _("The site's secret address and known network: the site's other terminals may pose as it"),
    )
    TOKEN = "token", _("The site's secret address: the site's other terminals may pose as it")
    ADDRESS = "address", _("Known network only")
    OPEN = "open", _("Nothing: anybody may pose as it")


class Role(TextChoices):
    """What a member of a site may do there."""

    MANAGER = "manager", _("Manager")
    GUARD = "guard", _("Guard: look and acknowledge")


class CommandKind(StrEnum):
    """Names of the kinds of commands that the platform ships (seed chapter 8), as stored.

    In the order in which they are listed. What a kind is, is said by its module, see
    ``devices.commands``; a kind of its own needs no name here.
    """

    OPEN_DOOR = "open_door"
    SYNC_TIME = "sync_time"
    REBOOT = "reboot"
    SETTINGS_READ = "settings_read"
    SETTINGS_WRITE = "settings_write"
    PEOPLE_PUSH = "people_push"
    PEOPLE_COMPARE = "people_compare"
    PEOPLE_REPAIR = "people_repair"
    PEOPLE_WIPE = "people_wipe"
    RECORDS_PULL = "records_pull"
    JSON = "json"


class CommandState(TextChoices):
    """Life of a command: queued → sending → an end; queued → expired or cancelled."""

    QUEUED = "queued", _("Waiting")
    SENDING = "sending", _("Under way")
    DONE = "done", _("Done")
    REFUSED = "refused", _("The terminal refused")
    UNREACHABLE = "unreachable", _("Could not be delivered")
    UNKNOWN = "unknown", _("Sent, outcome unknown")
    EXPIRED = "expired", _("Dropped: too late")
    CANCELLED = "cancelled", _("Cancelled")


class CallWord(TextChoices):
    """Why a call of a terminal ended as it did."""

    NO_ADDRESS = "no_address", _("No address of the terminal is entered")
    BAD_ADDRESS = "bad_address", _("The address is not host:port")
    FORBIDDEN_ADDRESS = "forbidden_address", _("The platform may not call this address")
    ADDRESS_CHANGED = "address_changed", _("The terminal's address was changed before it was sent")
    NO_PASSWORD = "no_password", _("No password of the terminal is entered")
    NOT_APPROVED = "not_approved", _("The terminal is not approved")
    NAME_UNKNOWN = "name_unknown", _("The name in the address is not known")
    CONNECT_FAILED = "connect_failed", _("Nobody answers at the address")
    CONNECT_TIMEOUT = "connect_timeout", _("The address cannot be reached")
    ANSWER_TIMEOUT = "answer_timeout", _("The terminal did not answer in time")
    CONNECTION_LOST = "connection_lost", _("The connection broke off")
    BAD_ANSWER = "bad_answer", _("What answers there is no terminal")
    ANSWER_TOO_LARGE = "answer_too_large", _("The answer is too large")
    BAD_USER_ID = "bad_user_id", _("A user ID cannot be named to the terminal")
    REFUSED = "refused", _("The terminal refused")
    CLOCK_TOO_FAR = "clock_too_far", _("The terminal's clock is too far off to be set from here")
    TOO_LATE = "too_late", _("It could not be sent in time")
    WORKER_LOST = "worker_lost", _("The platform was interrupted while sending")
    FAILED = "failed", _("The platform failed while sending")
    SETTINGS_DIFFER = "settings_differ", _("The terminal kept other values")
    PARTLY = "partly", _("Some people were refused")


class SettingsGroup(TextChoices):
    """Which settings can be read and written from afar (seed 8.1.12 to 8.1.17)."""

    NETWORK = "network", _("Network")
    SMARTFACE = "smartface", _("Faces")
    PERPARA = "perpara", _("Door and sensors")


class JobState(TextChoices):
    """Where a job is in its life."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class AuditKind(TextChoices):
    """What an audit entry is about."""

    SITE = "site", _("Site")
    ADDRESS_TOKEN = "address_token", _("Address for terminals")
    TERMINAL = "terminal", _("Terminal")
    RULES = "rules", _("Rules of passing")
    TIME_PLAN = "time_plan", _("Time plan")
    LIBRARY = "library", _("Library")
    PERSON = "person", _("Person")
    MEMBERSHIP = "membership", _("Site member")
    USER = "user", _("User")
    GROUP = "group", _("Group")
    API_TOKEN = "api_token", _("API token")
    SIGN_IN = "sign_in", _("Signing in")


class AuditAction(TextChoices):
    """What was done."""

    CREATED = "created", _("Created")
    CHANGED = "changed", _("Modified")
    DELETED = "deleted", _("Deleted")
    FAILED = "failed", _("Failed")
    DONE = "done", _("Done")


class AuditWay(TextChoices):
    """By what it was done."""

    PAGE = "page", _("Page")
    REST = "rest", _("Program")
    COMMAND = "command", _("Command line")
    PLATFORM = "platform", _("The platform itself")


class RefusedReason(TextChoices):
    """Why a call on a terminal's path was refused before it was anybody's."""

    WRONG_TOKEN = "wrong_token", _("No site has this address")
    NO_TOKEN = "no_token", _("The address has no secret part, and no site is served without one")
    FOREIGN_ADDRESS = "foreign_address", _("The site does not allow the address it came from")
    DISABLED = "disabled", _("The terminal is disabled")
    HAS_OWN_ADDRESS = "has_own_address", _("The terminal has an address of its own")
    ANOTHERS_ADDRESS = "anothers_address", _("The address belongs to another terminal")
    BAD_DEVICE_ID = "bad_device_id", _("The device ID cannot be one")
    TOO_MANY_WAITING = "too_many_waiting", _("Too many terminals wait for approval")
    SEVERAL_SITES = "several_sites", _("Several sites are served without a secret address")
    NO_SUCH_PATH = "no_such_path", _("Terminals have no such address here")
    WRONG_METHOD = "wrong_method", _("The address is asked in another way by terminals")
    OTHER = "other", _("Refused")


class AddressGuess(TextChoices):
    """How the secret part of a refused address is like that of a site."""

    SAME = "same", _("It is the address of site %(site)s.")
    ENDED = "ended", _("It is an old address of site %(site)s, which has ended.")
    CAPITALS = (
        "capitals",
        _("It is the address of site %(site)s with capital and small letters mixed up."),
    )
    ONE_OFF = "one_off", _("It looks like the address of site %(site)s with one letter wrong.")
    CUT = "cut", _("It is the beginning of the address of site %(site)s; the rest is missing.")
    LONGER = "longer", _("It is the address of site %(site)s with something around it.")

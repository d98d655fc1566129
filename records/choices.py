"""Values with stable names; the database and the REST interface use them as they stand."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class RecordKind(TextChoices):
    """Kind of a record: pass, /syface (seed 9.2); temperature: /syattribute (9.3)."""

    PASS = "pass", _("Pass")
    TEMPERATURE = "temperature", _("Temperature")


class VerificationResult(TextChoices):
    """What the platform's own look at the picture said."""

    MATCH = "match", _("Same person")
    MISMATCH = "mismatch", _("Not this person")
    NO_FACE = "no_face", _("No face in the picture")
    NO_REFERENCE = "no_reference", _("No photo on file to compare with")
    OFF = "off", _("Not verified")


class NegativeEffect(TextChoices):
    """What comes of a face that a manager said is not its person's."""

    REFUSES = "refuses", _("Refused from now on")
    LOOKS_LIKE_PHOTO = "looks_like_photo", _("It looks like the photo on file")
    OTHER_MODEL = "other_model", _("Remembered with another model")


class Reason(TextChoices):
    """Why a door was opened or kept closed; the first rule that applies decides."""

    ALLOWED = "allowed", _("Allowed")
    TERMINAL_NOT_APPROVED = "terminal_not_approved", _("The terminal is not approved yet")
    UNKNOWN_PERSON = "unknown_person", _("Nobody with this user ID is on file")
    BLACKLISTED = "blacklisted", _("The person is on the blacklist")
    SUSPENDED = "suspended", _("The person is suspended")
    NOT_YET_VALID = "not_yet_valid", _("The person may not pass yet")
    NO_LONGER_VALID = "no_longer_valid", _("The person may no longer pass")
    NOT_AT_THIS_DOOR = "not_at_this_door", _("The person may not pass this door")
    OUTSIDE_HOURS = "outside_hours", _("The person may not pass at this time")
    FEVER = "fever", _("The temperature is above the limit")
    NO_MASK = "no_mask", _("A mask is required")
    FACE_MISMATCH = "face_mismatch", _("The face is not this person's")
    NOT_VERIFIABLE = "not_verifiable", _("The face could not be verified")
    PHOTO_ON_FILE = "photo_on_file", _("The picture is the photo on file, sent back")
    SIMILARITY_TOO_LOW = "similarity_too_low", _("The terminal was not sure enough of the face")
    LATE = "late", _("The pass arrived too late")
    REPEATED = "repeated", _("The pass was repeated too late")
    PASSED_BACK = "passed_back", _("The person has already passed in this direction")
    NOT_A_PASS = "not_a_pass", _("A reading only, no pass was asked for")
    FETCHED = "fetched", _("The terminal decided by itself and was asked later")


class Timing(TextChoices):
    """When a message came: now, long after its moment, or once more."""

    LIVE = "live", _("At once")
    LATE = "late", _("Late: it waited on the terminal")
    REPEATED = "repeated", _("Repeated after more than 20 seconds")


class Origin(TextChoices):
    """How a record came: uploaded (chapter 9), fetched (8.3.2) or pushed (8.3.3)."""

    UPLOADED = "uploaded", _("Uploaded by the terminal")
    FETCHED = "fetched", _("Fetched from the terminal")
    PUSHED = "pushed", _("Pushed over a websocket")


class Passback(TextChoices):
    """What a site does about a person who passes twice in one direction."""

    OFF = "off", _("Off")
    SOFT = "soft", _("Alert only")
    HARD = "hard", _("Keep the door closed and alert")


class AlertKind(TextChoices):
    """Kind of an alert."""

    HIGH_TEMPERATURE = "high_temperature", _("High temperature")
    NO_MASK = "no_mask", _("No mask")
    FACE_MISMATCH = "face_mismatch", _("Face not believed")
    BLACKLISTED = "blacklisted", _("Person on the blacklist")
    PHOTO_SENT_BACK = "photo_sent_back", _("Photo on file sent as the picture of a pass")
    PASSED_BACK = "passed_back", _("Passed twice in one direction")
    TERMINAL_OFFLINE = "terminal_offline", _("Terminal offline")
    NEW_ADDRESS = "new_address", _("Terminal calls from a new address")
    CLOCK_SKEW = "clock_skew", _("Terminal's clock is wrong")
    SHARED_ID = "shared_device_id", _("Two terminals use one device ID")
    TERMINAL_FLOOD = "terminal_flood", _("Many new terminals at once")


class Severity(TextChoices):
    """Severity of an alert: how soon it needs attention."""

    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class AlertState(TextChoices):
    """State of an alert: active → acknowledged → cleared, by a user or as its cause goes away."""

    ACTIVE = "active", _("Active")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    CLEARED = "cleared", _("Cleared")

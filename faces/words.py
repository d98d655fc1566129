"""What became of a delivery, and what is wrong with a photo: sentences for a manager."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from face_engine import PROBLEM_WORDS
from faces.choices import SAVE_REPEATS, DeliveryState, Operation, Remedy
from faces.models import Delivery
from server_common.api import PictureTooHeavy
from terminal_protocol import RetCode

# Codes that terminals are known to answer for a face they should store (chapter 7, golden.json).
_CODE_WORDS = {
    "101": gettext_lazy("The terminal found no face in the photo."),
    RetCode.NO_FACE_DETECTED: gettext_lazy("The terminal found no face in the photo."),
    RetCode.AVATAR_FILE_ILLEGAL: gettext_lazy("The terminal could not read or fetch the photo."),
    RetCode.DATABASE_FULL: gettext_lazy("The terminal is full."),
    RetCode.USER_NOT_EXISTS: gettext_lazy("The terminal does not know this person."),
    RetCode.PARAM_INVALID: gettext_lazy("The terminal did not accept one of the values."),
    RetCode.MISSING_PARAM: gettext_lazy("The terminal missed a value."),
    RetCode.INTERNAL_ERROR: gettext_lazy("The terminal failed."),
}
_REMEDY_WORDS = {
    Remedy.RETAKE: gettext_lazy("Take a clearer photo, from the front."),
    Remedy.FREE_SPACE: gettext_lazy("Give it fewer libraries, or remove people from them."),
    Remedy.CORRECT_ENTRY: gettext_lazy("Shorten or correct the person's name and remarks."),
    Remedy.LOOK_AT_TERMINAL: gettext_lazy(
        "See whether the terminal works and reaches this platform, then send it again."
    ),
}


def no_library_words() -> str:
    """Say what comes of an approved terminal without a library."""
    return _("It holds no library, so no face is sent to it.")


# What the decoder says of files that are no usable picture (face_engine.ImageFault).
_FILE_WORDS = {
    "empty": gettext_lazy("The file is empty. Choose another one."),
    "not_an_image": gettext_lazy("The file is no picture. Use a JPEG, PNG, WebP or HEIC photo."),
    "truncated": gettext_lazy("The file breaks off in the middle. Copy it again from the camera."),
    "too_large": PictureTooHeavy.default_detail,
    "unsupported_format": gettext_lazy("This kind of picture cannot be read. Save it as JPEG."),
    "engine_unavailable": gettext_lazy("The photo waits until the recogniser is installed."),
}


def problem_sentence(problem: str) -> str:
    """Say what is wrong with a photo, and what to do about it."""
    if problem in _FILE_WORDS:
        return str(_FILE_WORDS[problem])
    sentences = {str(code): words for code, words in PROBLEM_WORDS.items()}
    return _(sentences[problem]) if problem in sentences else problem


def delivery_words(row: Delivery) -> str:
    """Say what became of a delivery, why, and what happens next or has to be done."""
    parts = [_state_words(row)]
    if row.remedy:
        parts.append(str(_REMEDY_WORDS[Remedy(row.remedy)]))
    elif row.retry_at is not None:
        parts.append(_("It is tried again by itself."))
    return " ".join(parts)


def _state_words(row: Delivery) -> str:
    if row.state == DeliveryState.FAILED:
        if row.code in _CODE_WORDS:
            return str(_CODE_WORDS[row.code])
        said = row.message.strip() or _("no reason given")
        return _("The terminal answered %(code)s: %(said)s") % {"code": row.code, "said": said}
    if row.operation == Operation.DELETE:
        if row.remedy:
            return _("Told to delete three times, never confirmed.")
        return {
            DeliveryState.PENDING: _("Will be deleted there at the terminal's next poll."),
            DeliveryState.SENT: _("Told to delete, not confirmed yet."),
            DeliveryState.STORED: _("Deleted there."),
        }[DeliveryState(row.state)]
    if row.state == DeliveryState.PENDING:
        return _("Will be sent at the terminal's next poll.")
    if row.state == DeliveryState.UNCONFIRMED:
        return _unconfirmed_words(row)
    if row.state == DeliveryState.FETCHED:
        if row.downloaded_at is None:
            return _("Told, photo not fetched; this terminal never reports results.")
        return _("Photo fetched; this terminal never reports results.")
    if row.state == DeliveryState.SENT and row.unanswered:
        return _("Told again (%(number)d of %(most)d), result not reported yet.") % _times(row)
    if row.state == DeliveryState.SENT:
        if row.downloaded_at is None:
            return _("Told, photo not fetched yet.")
        return _("Photo fetched, result not reported yet.")
    return _("The terminal holds this face.")


def _unconfirmed_words(row: Delivery) -> str:
    if is_given_up(row):
        return _("Told again three times, never confirmed. %(advice)s") % {
            "advice": _REMEDY_WORDS[Remedy.LOOK_AT_TERMINAL]
        }
    return _(
        "Not confirmed in time; told again at the terminal's next poll (%(number)d of %(most)d)."
    ) % _times(row)


def is_given_up(row: Delivery) -> bool:
    """Tell whether an unconfirmed face is not sent again any more by itself."""
    return row.unanswered > SAVE_REPEATS


def _times(row: Delivery) -> dict[str, int]:
    return {"number": min(row.unanswered, SAVE_REPEATS), "most": SAVE_REPEATS}

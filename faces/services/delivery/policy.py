"""What a terminal's answer about a face means, and whether sending it again can help.

Terminals answer syresult (seed 9.4) with 100 for success and otherwise with a code of their own:
those of chapter 7, a series from 101 on (``golden.json``), or one nobody documented, with Chinese
or English words beside it. So a code that is known decides, then the words, then prudence.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from faces.choices import Operation, Remedy
from terminal_protocol import RetCode

# What terminals send when it was done: 100 in seed 9.4; some firmwares answer like an API.
SUCCESS_CODES = frozenset({"0", "100", "200"})
# After the first, second … failed try. The whole takes most of a day: longer than a night without
# network, short enough that a manager hears of it the next morning.
BACK_OFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)
# A delete that no terminal confirmed is sent again, three times in all.
DELETE_ATTEMPTS = 3
DELETE_REPEAT_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a result means.

    Attributes:
        is_done: the face is stored, or gone when it was to be deleted.
        may_retry: telling it again can help by itself.
        remedy: what a person has to do once no retry is left; empty when done.
    """

    is_done: bool
    may_retry: bool = False
    remedy: str = ""


_DONE = Verdict(is_done=True)
_RETAKE = Verdict(is_done=False, remedy=Remedy.RETAKE)
_FULL = Verdict(is_done=False, remedy=Remedy.FREE_SPACE)
_WRONG_ENTRY = Verdict(is_done=False, remedy=Remedy.CORRECT_ENTRY)
_UNABLE = Verdict(is_done=False, remedy=Remedy.LOOK_AT_TERMINAL)
_PASSING = Verdict(is_done=False, may_retry=True, remedy=Remedy.LOOK_AT_TERMINAL)

_BY_CODE: dict[str, Verdict] = {
    # The same photo will not show a face the second time.
    "101": _RETAKE,
    RetCode.NO_FACE_DETECTED: _RETAKE,
    # Pictures are always a normalised JPEG, so this means that it did not arrive whole.
    RetCode.AVATAR_FILE_ILLEGAL: _PASSING,
    RetCode.DATABASE_FULL: _FULL,
    RetCode.PARAM_INVALID: _WRONG_ENTRY,
    RetCode.MISSING_PARAM: _WRONG_ENTRY,
    RetCode.NOT_SUPPORTED: _UNABLE,
    RetCode.METHOD_NOT_ALLOWED: _UNABLE,
    RetCode.RPC_FAILED: _PASSING,
    RetCode.INTERNAL_ERROR: _PASSING,
    RetCode.MULTI_REQUEST_ERROR: _PASSING,
    RetCode.UNKNOWN_ERROR: _PASSING,
}
# Lower case; asked in this order: "download failed, no picture" is about the download.
_BY_WORDS: tuple[tuple[re.Pattern[str], Verdict], ...] = (
    (re.compile(r"下载|获取图片|网络|超时|download|fetch|network|time.?out|connect"), _PASSING),
    (re.compile(r"已满|空间不足|上限|full|no space|capacity|limit"), _FULL),
    (
        re.compile(r"未检测到|没有检测到|无人脸|多张人脸|模糊|no face|no.*face|blur|quality"),
        _RETAKE,
    ),
)
_UNKNOWN_PERSON = frozenset({str(RetCode.USER_NOT_EXISTS)})
_UNKNOWN_PERSON_WORDS = re.compile(r"人员不存在|用户不存在|user not exist|not found", re.I)


def verdict(*, operation: str, code: str, message: str) -> Verdict:
    """Return what a result means for a face that was to be stored or deleted.

    Args:
        operation: of the row it is about (``Operation``).
        code: ``status`` of seed 9.4, stripped; empty when the terminal sent none.
        message: ``msg`` of seed 9.4.
    """
    if code in SUCCESS_CODES:
        return _DONE
    if operation == Operation.DELETE:
        # What it never had, or has deleted already, is as good as deleted.
        if code in _UNKNOWN_PERSON or _UNKNOWN_PERSON_WORDS.search(message):
            return _DONE
        return _PASSING
    if code in _BY_CODE:
        return _BY_CODE[code]
    for pattern, meaning in _BY_WORDS:
        if pattern.search(message.lower()):
            return meaning
    return _PASSING


def next_try(*, tries: int) -> timedelta | None:
    """Return how long to wait after that many tries; None when trying further is of no use."""
    return BACK_OFF[tries - 1] if 1 <= tries <= len(BACK_OFF) else None

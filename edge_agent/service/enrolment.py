"""Enrolment at the terminal itself (8.2, docs/decisions/0013-people-of-two-origins.md).

A running agent is asked by its own interface, because the faces it compares with are in its memory;
otherwise the database is written directly, under the lock that keeps agents out meanwhile.
"""

import asyncio
import base64
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edge_agent.config import AgentConfig
from edge_agent.drivers import Camera, Clock
from edge_agent.recognition import LocalPeople, PersonProblem, Recogniser
from edge_agent.service.exceptions import EnrolmentRefused
from edge_agent.service.instance_lock import instance_lock
from edge_agent.service.own_api import call_own
from edge_agent.storage import DATABASE_NAME, Database, Store
from face_engine import (
    PROBLEM_WORDS,
    FaceEngine,
    ImageUnreadable,
    QualityProblem,
    RgbImage,
    decode_image,
    judge_photo,
    normalise_photo,
)
from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import CallAnswer
from terminal_protocol.device_objects import USER_OBJECT

USER_TYPES: Final = {"employee": 1, "visitor": 2, "blacklist": 3}
# With these no one could be recognised, or the wrong person would be.
_NEVER: Final = frozenset({QualityProblem.NO_FACE, QualityProblem.SEVERAL_FACES})
_ALL_PEOPLE: Final = "all"

_PROBLEM_WORDS: Final = {
    PersonProblem.PLATFORMS: (
        "the platform has a person with this id; change them there, or take another id"
    ),
    PersonProblem.FULL: "the terminal holds as many people as it may (people_max)",
    PersonProblem.PHOTO_ILLEGAL: "the photo cannot be used, or is larger than picture_max_bytes",
    PersonProblem.NO_FACE: PROBLEM_WORDS[QualityProblem.NO_FACE],
}
_ANSWER_WORDS: Final = {
    RetCode.USER_NOT_MATCH: _PROBLEM_WORDS[PersonProblem.PLATFORMS],
    RetCode.DATABASE_FULL: _PROBLEM_WORDS[PersonProblem.FULL],
    RetCode.AVATAR_FILE_ILLEGAL: _PROBLEM_WORDS[PersonProblem.PHOTO_ILLEGAL],
    RetCode.NO_FACE_DETECTED: _PROBLEM_WORDS[PersonProblem.NO_FACE],
    RetCode.IP_INVALID: "the running agent takes no calls from here; add it to allow_from",
    RetCode.PASSWORD_NOT_EXIST: "the running agent has no password; set one under [api]",
    RetCode.PASSWORD_EXPIRED: "the agent's password has expired; set another one under [api]",
    RetCode.SIGNATURE_FAILED: "the agent was started with another password; start it again",
    RetCode.NOT_SUPPORTED: "the running agent refuses userAdd; see unsupported under [api]",
}


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """A person to be enrolled.

    Attributes:
        user_type: one of `USER_TYPES`.
    """

    user_id: str
    name: str = field(repr=False)
    user_type: str = "employee"

    def as_user(self, photo: bytes) -> dict[str, Any]:
        """Return UserObject (8.2.1).

        Raises:
            EnrolmentRefused: a value is not as 8.2.1 wants it.
        """
        if self.user_id == _ALL_PEOPLE:
            raise EnrolmentRefused('the id "all" means all people; take another one')
        values = {
            "userId": self.user_id,
            "userType": USER_TYPES[self.user_type],
            "name": self.name,
            "photo": base64.b64encode(photo).decode(),
            **{"icNumber": "", "jobNumber": "", "mobile": "", "remark": ""},
        }
        problems = USER_OBJECT.read(values).problems
        if problems:
            raise EnrolmentRefused("; ".join(one.text for one in problems))
        return values


def photo_from_file(raw: bytes, engine: FaceEngine, *, anyway: bool = False) -> bytes:
    """Make the photo that is kept of a picture file.

    Args:
        raw: JPEG, PNG, WebP or BMP.
        engine: finds the face.
        anyway: whether a photo is taken that is not good.

    Returns:
        JPEG of the face with some surroundings, 300 to 500 px, without metadata.

    Raises:
        EnrolmentRefused: saying what is wrong with it and what to do.
    """
    try:
        image = decode_image(raw)
    except ImageUnreadable as error:
        raise EnrolmentRefused(f"the photo cannot be read ({error.code})") from error
    photo, problems = _face_photo(image, engine)
    if photo is None or (problems and not anyway):
        raise _not_good(problems, can_insist=photo is not None)
    return photo


async def photo_from_camera(
    camera: Camera,
    engine: FaceEngine,
    *,
    within_s: float,
    anyway: bool = False,
    report: Callable[[str], None],
) -> bytes:
    """Take the first good photo of the person before a camera.

    Args:
        camera: not open.
        engine: finds the face.
        within_s: how long to wait for a good one.
        anyway: whether the least bad one is taken when no good one came.
        report: called with what the person should do, when that changes.

    Raises:
        EnrolmentRefused: no picture was good enough; says what was wrong with the best.
        DriverError: the camera failed.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + within_s
    best: bytes | None = None
    least: tuple[QualityProblem, ...] = (QualityProblem.NO_FACE,)
    last: tuple[QualityProblem, ...] = ()
    with ThreadPoolExecutor(1, thread_name_prefix="enrol") as thread:
        try:
            await camera.open()
            while (frame := await _next_frame(camera, until_s)) is not None:
                photo, problems = await loop.run_in_executor(
                    thread, _face_photo, frame.image, engine
                )
                if photo is not None and not problems:
                    return photo
                if problems != last:
                    report(PROBLEM_WORDS[problems[0]])
                last = problems
                if photo is not None and (best is None or len(problems) < len(least)):
                    best, least = photo, problems
        finally:
            await camera.close()
    if best is not None and anyway:
        return best
    raise _not_good(least, can_insist=best is not None)


async def enrol_directly(
    config: AgentConfig, engine: FaceEngine, request: EnrolmentRequest, photo: bytes
) -> None:
    """Enrol a person while no agent runs; it recognises them from its next start.

    Raises:
        AlreadyRunning: an agent began to run meanwhile.
        EnrolmentRefused: it cannot be done, with the reason.
    """
    user = request.as_user(photo)
    _check_owner(config.data_dir)
    with instance_lock(config.data_dir):
        database = Database(config.data_dir / DATABASE_NAME)
        recogniser = Recogniser(engine, least_similarity=0, detector_px=config.detector_px)
        people = LocalPeople(
            Store(database),
            recogniser,
            people_max=config.people_max,
            photo_max_bytes=config.picture_max_bytes,
        )
        try:
            await database.open()
            await recogniser.open()
            prepared = await people.prepare(user)
            if isinstance(prepared, PersonProblem):
                raise EnrolmentRefused(_PROBLEM_WORDS[prepared])
            refused = await people.add([prepared])
        except (sqlite3.Error, OSError) as error:
            text = f"the terminal's database cannot be written: {error}"
            raise EnrolmentRefused(text) from error
        finally:
            await recogniser.close()
            await database.close()
    if refused is not None:
        raise EnrolmentRefused(_PROBLEM_WORDS[refused[1]])


async def enrol_by_agent(
    config: AgentConfig, request: EnrolmentRequest, photo: bytes, *, clock: Clock
) -> None:
    """Have the running agent enrol a person (8.2.2); it recognises them at once.

    Raises:
        AgentUnreachable: it does not answer.
        EnrolmentRefused: it would not, with the reason.
    """
    user = request.as_user(photo)
    answer = await call_own(config, "userAdd", clock=clock, content=user)
    if not answer.is_ok:
        raise EnrolmentRefused(_words_of(answer))


def _check_owner(data_dir: Path) -> None:
    """Files of another account, root's included, would keep the terminal from starting."""
    if not data_dir.exists() or (uid := data_dir.stat().st_uid) == os.geteuid():
        return
    raise EnrolmentRefused(
        f"{data_dir} belongs to another account; run this as that account: sudo -u '#{uid}'"
    )


async def _next_frame(camera: Camera, until_s: float) -> Any:
    try:
        async with asyncio.timeout_at(until_s):
            return await camera.next_frame()
    except TimeoutError:
        return None


def _face_photo(
    image: RgbImage, engine: FaceEngine
) -> tuple[bytes | None, tuple[QualityProblem, ...]]:
    """Return the photo to store, None when there is none, and the quality problems."""
    faces, report = judge_photo(engine, image)
    problems = report.problems
    if _NEVER & set(problems):
        return None, problems
    return normalise_photo(image, faces[0]), problems


def _not_good(problems: tuple[QualityProblem, ...], *, can_insist: bool) -> EnrolmentRefused:
    text = " ".join(PROBLEM_WORDS[one] for one in problems)
    return EnrolmentRefused(f"{text} (--anyway takes it all the same)" if can_insist else text)


def _words_of(answer: CallAnswer) -> str:
    code = str(answer.code)
    known = _ANSWER_WORDS.get(RetCode(code)) if code in set(RetCode) else None
    return known or f"the running agent refused: {answer.code} {answer.message} {answer.desc}"

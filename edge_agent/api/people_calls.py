"""Calls about people: 8.2.2 to 8.2.5."""

from collections.abc import Mapping
from typing import Any, Final

from edge_agent.api.answers import Answer, CallRefused, done, refusal
from edge_agent.api.requests import CallRequest, checked
from edge_agent.api.terminal import Terminal
from edge_agent.recognition import NewPerson, PersonProblem, UserFilter
from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import USER_PAGE_MAX
from terminal_protocol.device_objects import USER_OBJECT
from terminal_protocol.pages import Page

_ALL_PEOPLE: Final = "all"
_CODES: Final = {
    PersonProblem.UNKNOWN: (RetCode.USER_NOT_EXISTS, "userId: unknown"),
    PersonProblem.PLATFORMS: (RetCode.USER_NOT_MATCH, "owned-by-platform"),
    PersonProblem.FULL: (RetCode.DATABASE_FULL, "database-full"),
    PersonProblem.PHOTO_ILLEGAL: (RetCode.AVATAR_FILE_ILLEGAL, "photo: not a JPEG in base64"),
    PersonProblem.NO_FACE: (RetCode.NO_FACE_DETECTED, "photo: no face"),
}


async def add(terminal: Terminal, request: CallRequest) -> Answer:
    """Add a person, or a list of people, all or none (8.2.2)."""
    if request.batch:
        return await _add_batch(terminal, request.batch)
    person = await _prepared(terminal, request.sent_object(USER_OBJECT))
    refused = await terminal.people.add([person])
    if refused is not None:
        raise _refused(terminal, refused[1])
    return done(data=await terminal.people.find(person.user["userId"]))


async def update(terminal: Terminal, request: CallRequest) -> Answer:
    """Change a person (8.2.3)."""
    body = dict(request.body)
    if not body:
        raise CallRefused(RetCode.MISSING_PARAM, f"{USER_OBJECT.name}: missing")
    # The address says who; a content that names another person is about two.
    user = checked(USER_OBJECT.read({"userId": request.user_id, **body}))
    if user["userId"] != request.user_id:
        raise CallRefused(RetCode.USER_NOT_MATCH, "userId: not the one of the address")
    person = await _prepared(terminal, user)
    refused = await terminal.people.update(request.user_id, person)
    if refused is not None:
        raise _refused(terminal, refused)
    return done(data=await terminal.people.find(request.user_id))


async def delete(terminal: Terminal, request: CallRequest) -> Answer:
    """Delete one person or all (8.2.4); the answer describes the deleted person."""
    user_id = request.person()
    if user_id == _ALL_PEOPLE:
        await terminal.people.delete_all()
        terminal.poll_soon()  # the platform's people come back
        return done(data={})
    user = await terminal.people.find(user_id)
    refused = await terminal.people.delete(user_id)
    if refused is not None:
        raise _refused(terminal, refused)
    return done(data=user or {})


async def search(terminal: Terminal, request: CallRequest) -> Answer:
    """List people by page (8.2.5)."""
    values = request.values()
    page, size = values.pop("page", 1), min(values.pop("size", USER_PAGE_MAX), USER_PAGE_MAX)
    wanted = UserFilter(
        type_number=values.pop("type", None),
        name=values.pop("name", ""),
        exact={key: value for key, value in values.items() if value},
    )
    total, users = await terminal.people.search(wanted, page=page, size=size)
    if not users:
        raise CallRefused(RetCode.SEARCH_LIST_NULL, "no person found")
    return done(data=Page(total, page, size, tuple(users)).to_wire())


async def _add_batch(terminal: Terminal, batch: tuple[Any, ...]) -> Answer:
    people: list[NewPerson] = []
    for number, one in enumerate(batch):
        try:
            user = checked(USER_OBJECT.read(one if isinstance(one, Mapping) else {}))
            people.append(await _prepared(terminal, user))
        except CallRefused as error:
            raise _failed_batch(number, error) from None
    refused = await terminal.people.add(people)
    if refused is not None:
        raise _failed_batch(refused[0], _refused(terminal, refused[1]))
    found = [await terminal.people.find(person.user["userId"]) for person in people]
    return done(data=found)


def _failed_batch(number: int, error: CallRefused) -> CallRefused:
    answer = refusal(error)
    return CallRefused(
        RetCode.MULTI_REQUEST_ERROR,
        f"no person was added; number {number}: {answer['code']} {error.desc}",
    )


async def _prepared(terminal: Terminal, user: Mapping[str, Any]) -> NewPerson:
    if user["userId"] == _ALL_PEOPLE:
        # This person could never be deleted alone.
        raise CallRefused(RetCode.PARAM_INVALID, 'userId: "all" means all people')
    prepared = await terminal.people.prepare(user)
    if isinstance(prepared, PersonProblem):
        raise _refused(terminal, prepared)
    return prepared


def _refused(terminal: Terminal, problem: PersonProblem) -> CallRefused:
    if problem is PersonProblem.PLATFORMS:
        terminal.poll_soon()  # what is new about its people comes from the platform, and now
    return CallRefused(*_CODES[problem])

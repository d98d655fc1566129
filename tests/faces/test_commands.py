"""Kinds of commands about people: what goes with them, what they warn of, how it is shown."""

import pytest
from django.core.exceptions import ValidationError

from devices.command_kinds import KINDS, command_payload
from faces import commands


@pytest.mark.parametrize(("given", "what"), [({}, "owed"), ({"what": "all"}, "all")])
def test_people_are_sent_as_owed_unless_all_are_asked_for(given: dict[str, str], what: str) -> None:
    assert command_payload(kind="people_push", given={**given, "since": None}) == {"what": what}


def test_nothing_else_can_be_sent() -> None:
    with pytest.raises(ValidationError) as refused:
        command_payload(kind="people_push", given={"what": "some"})

    assert set(refused.value.message_dict) == {"what"}


@pytest.mark.parametrize("kind", ["people_compare", "people_repair", "people_wipe"])
def test_the_others_carry_nothing(kind: str) -> None:
    assert command_payload(kind=kind, given={"what": "all"}) == {}


def test_what_deletes_people_warns_and_what_does_not_is_silent() -> None:
    warned = {name for name in KINDS if name.startswith("people_") and KINDS[name].warns({})}

    assert warned == {"people_repair", "people_wipe"}


@pytest.mark.parametrize(("what", "words"), [("owed", "What is still owed"), ("all", "Everybody")])
def test_a_payload_is_shown_in_words(what: str, words: str) -> None:
    [(_name, shown)] = commands.PEOPLE_PUSH.shows({"what": what})

    assert str(shown) == words
    assert commands.PEOPLE_WIPE.shows({}) == []

"""What people at the door are told: voice off (8.1.5) and words of their own (8.2.1)."""

from pathlib import Path
from typing import Any

import pytest

from edge_agent.door.devices import Announcer
from edge_agent.drivers.base import Cue
from edge_agent.drivers.prompt_texts import Language, words
from edge_agent.drivers.prompter_console import ConsolePrompterOptions
from tests.support.edge.people_calls import ANN, photo_of
from tests.support.edge.running_terminal import PERSON, RunningTerminal, Starter
from tests.support.fake_platform import FakePlatform

CARD = "00047112345"
OWN_WORDS = "早上好，李工，您的会议在三楼"


@pytest.fixture
async def terminal(start: Starter) -> RunningTerminal:
    """Return a terminal that opens by its own rule, whatever the age of its library."""
    made = await start(top={"library_max_age_s": 0.0})
    made.thermometer.reading_c = None
    return made


async def enter(terminal: RunningTerminal, **more: Any) -> None:
    person = {**PERSON, "icNumber": CARD, "photo": photo_of(ANN), **more}
    assert await terminal.code("userAdd", person) == 200


async def switch_voice(terminal: RunningTerminal, value: int) -> None:
    held = (await terminal.call("perpara"))["data"]
    assert await terminal.code("perparacfg", {**held, "voiceProswitch": value}) == 200


def reported(terminal: RunningTerminal) -> list[str]:
    return [words(one, Language.CHINESE) for one in terminal.prompter.prompts]


async def test_voice_is_on_as_delivered(terminal: RunningTerminal) -> None:
    assert (await terminal.call("perpara"))["data"]["voiceProswitch"] == 1


async def test_voice_off_is_silent_for_faces_and_cards_and_on_again_speaks(
    terminal: RunningTerminal,
) -> None:
    await enter(terminal)
    await switch_voice(terminal, 0)

    opened = await terminal.somebody_comes(ANN)
    await terminal.somebody_comes(200)
    await terminal.parts.door.cards.take(CARD)
    await terminal.parts.door.cards.take("unknown")

    assert opened.open_door
    assert terminal.prompter.prompts == []
    await switch_voice(terminal, 1)
    await terminal.somebody_comes(ANN)
    assert [one.cue for one in terminal.prompter.prompts] == [Cue.WELCOME]


async def test_what_makes_no_sound_is_told_with_the_voice_off(
    terminal: RunningTerminal, tmp_path: Path
) -> None:
    """The switch is that of a voice; a screen stays readable."""
    console = tmp_path / "tty1"
    console.touch()
    prompter = ConsolePrompterOptions(device=str(console)).make()
    await prompter.open()
    await switch_voice(terminal, 0)
    announcer = Announcer(prompter, door=terminal.parts.interfaces.terminal.settings.door)

    await announcer.announce(Cue.STRANGER)

    await prompter.close()
    assert console.read_text() == "» You are not known here\n"


@pytest.mark.parametrize("way", ["face", "card"])
async def test_own_words_of_welcome_are_told_at_a_pass(terminal: RunningTerminal, way: str) -> None:
    """8.2.1, prompt: in place of the usual words, with no name behind them."""
    await enter(terminal, prompt=OWN_WORDS)

    await (terminal.somebody_comes(ANN) if way == "face" else terminal.parts.door.cards.take(CARD))

    assert reported(terminal) == [OWN_WORDS]


async def test_own_words_are_for_a_welcome_only(terminal: RunningTerminal) -> None:
    await enter(terminal, prompt=OWN_WORDS, userType=3)

    await terminal.somebody_comes(ANN)

    assert reported(terminal) == ["您没有通行权限"]


async def test_own_words_have_the_temperature_behind_them(terminal: RunningTerminal) -> None:
    terminal.thermometer.reading_c = 36.5
    await enter(terminal, prompt=OWN_WORDS)

    await terminal.somebody_comes(ANN)

    assert reported(terminal) == [f"{OWN_WORDS}，体温36.5度"]


@pytest.mark.parametrize("sent", [{"prompt": ""}, {"prompt": "欢迎回来"}])
async def test_own_words_can_be_changed_and_taken_away(
    terminal: RunningTerminal, sent: dict[str, str]
) -> None:
    await enter(terminal, prompt=OWN_WORDS)

    await terminal.call("userUpdate", {**PERSON, **sent}, user_id="u1")
    await terminal.somebody_comes(ANN)

    assert reported(terminal) == [sent["prompt"] or f"欢迎，{PERSON['name']}"]


async def test_own_words_survive_a_restart(terminal: RunningTerminal) -> None:
    await enter(terminal, prompt=OWN_WORDS)
    parts = terminal.parts

    await parts.door.recogniser.hold([])
    await parts.upstream.sync.load()
    await terminal.somebody_comes(ANN)

    assert reported(terminal) == [OWN_WORDS]


async def test_own_words_go_with_the_person(
    terminal: RunningTerminal, platform: FakePlatform
) -> None:
    """Who becomes the platform's, which has no such words, is welcomed as everybody is."""
    from tests.support.edge.fakes import person_jpeg

    await enter(terminal, prompt=OWN_WORDS)
    platform.enrol("u1", "Ann", person_jpeg(ANN))
    await terminal.parts.upstream.sync.round()

    await terminal.somebody_comes(ANN)

    assert reported(terminal) == ["欢迎，Ann"]


async def test_own_words_are_neither_told_nor_logged_elsewhere(
    terminal: RunningTerminal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await enter(terminal, prompt=OWN_WORDS)

    await terminal.somebody_comes(ANN)

    assert OWN_WORDS not in "".join([*terminal.event_log.lines, caplog.text])
    assert OWN_WORDS not in repr(terminal.prompter.prompts)

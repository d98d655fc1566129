"""What people are told, spoken and in lines."""

import asyncio
import os
from pathlib import Path

import pytest

from edge_agent.drivers.base import Cue, Prompt, Prompter
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from edge_agent.drivers.prompt_texts import Language, words
from edge_agent.drivers.prompter_console import ConsolePrompterOptions
from edge_agent.drivers.prompter_espeak import EspeakPrompterOptions, speaking_arguments
from tests.support.drivers.spoken import Spoken
from tests.support.tools import needs_tool
from tests.support.waiting import wait_until_async


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("cue", Cue)
def test_every_cue_has_words_in_every_language(cue: Cue, language: Language) -> None:
    reported = words(Prompt(cue), language)

    assert bool(reported) is (cue is not Cue.IDLE)
    assert reported.isascii() is (language is Language.ENGLISH or cue is Cue.IDLE)


@pytest.mark.parametrize(
    ("prompt", "language", "reported"),
    [
        (Prompt(Cue.WELCOME, "Ann", 36.64), Language.ENGLISH, "Welcome, Ann, 36.6 °C"),
        (Prompt(Cue.WELCOME, "安", 36.64), Language.CHINESE, "欢迎，安，体温36.6度"),
        (Prompt(Cue.FEVER, "Ann", 38.2), Language.ENGLISH, "Your temperature is too high, 38.2 °C"),
        (Prompt(Cue.REFUSED, "Ann", 36.6), Language.ENGLISH, "You may not enter here"),
        (Prompt(Cue.STRANGER, "", 36.6), Language.CHINESE, "未识别到您的身份"),
    ],
)
def test_name_and_temperature_go_with_what_they_belong_to(
    prompt: Prompt, language: Language, reported: str
) -> None:
    assert words(prompt, language) == reported


def test_nobody_is_called_by_name_unless_it_is_wanted() -> None:
    assert words(Prompt(Cue.WELCOME, "Ann"), Language.ENGLISH, with_name=False) == "Welcome"


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spoken:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SPOKEN", str(tmp_path))
    return Spoken(tmp_path)


async def test_words_are_spoken_and_stand_in_no_command_line(spoken: Spoken) -> None:
    options = EspeakPrompterOptions(
        language=Language.CHINESE, names=True, words_per_minute=150, volume=80
    )
    prompter = options.make()
    await prompter.open()

    await prompter.prompt(Prompt(Cue.WELCOME, "-v安; rm", 36.5))

    ((*arguments, reported),) = await spoken.said(1)
    await prompter.close()
    assert arguments == ["-v", "zh", "-s", "150", "-a", "80", "--stdin"]
    assert reported == "欢迎，-v安; rm，体温36.5度"


async def test_a_newer_prompt_cuts_off_an_older_one(spoken: Spoken) -> None:
    prompter = EspeakPrompterOptions().make()
    await prompter.open()
    spoken.speaks_on(is_long=True)
    await prompter.prompt(Prompt(Cue.WAIT))
    await spoken.said(1)

    loop = asyncio.get_running_loop()
    started_s = loop.time()
    await prompter.prompt(Prompt(Cue.WELCOME))
    returned_after_s = loop.time() - started_s

    reported = await spoken.said(2)
    assert [one[-1] for one in reported] == ["One moment, please", "Welcome"]
    assert returned_after_s < 1
    await prompter.close()


async def test_closing_falls_silent_and_leaves_no_process(spoken: Spoken) -> None:
    prompter = EspeakPrompterOptions().make()
    await prompter.open()
    spoken.speaks_on(is_long=True)
    await prompter.prompt(Prompt(Cue.WELCOME))
    await spoken.said(1)

    async with asyncio.timeout(5):
        await prompter.close()
        await prompter.close()

    (said,) = spoken.folder.glob("*.said")
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.suffixes[-2].strip(".")), 0)


async def test_nothing_is_said_of_nobody(spoken: Spoken) -> None:
    prompter = EspeakPrompterOptions().make()
    await prompter.open()

    await prompter.prompt(Prompt(Cue.IDLE))
    await prompter.prompt(Prompt(Cue.WELCOME))

    assert len(await spoken.said(1)) == 1
    await prompter.close()


async def test_a_voice_that_fails_is_logged_once(
    spoken: Spoken, caplog: pytest.LogCaptureFixture
) -> None:
    (spoken.folder / "status").write_text("1")
    prompter = EspeakPrompterOptions().make()
    await prompter.open()

    for count in (1, 2):
        await prompter.prompt(Prompt(Cue.WELCOME, "Ann"))
        await spoken.said(count)
        await wait_until_async(lambda: not prompter.is_speaking)

    await prompter.close()
    assert [one.message for one in caplog.records] == ["espeak_failed status=1"]


async def test_a_program_that_is_gone_is_an_error(spoken: Spoken) -> None:
    prompter = EspeakPrompterOptions().make()
    await prompter.open()
    (spoken.folder / "espeak-ng").unlink()

    with pytest.raises(DriverError, match="cannot be started"):
        await prompter.prompt(Prompt(Cue.WELCOME))
    await prompter.close()


async def test_absent_program_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DriverUnavailable, match=r"needs the program espeak-ng$"):
        await EspeakPrompterOptions().make().open()


@needs_tool("espeak-ng", package="espeak-ng")
@pytest.mark.parametrize("language", Language)
async def test_the_real_program_takes_these_arguments(tmp_path: Path, language: Language) -> None:
    """It writes to a file here, as there may be no sound card."""
    sound = tmp_path / "told.wav"
    process = await asyncio.create_subprocess_exec(
        "espeak-ng",
        *speaking_arguments(EspeakPrompterOptions(language=language)),
        *("-w", str(sound)),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    text = words(Prompt(Cue.WELCOME, "Ann", 36.6), language)
    _, complaint = await process.communicate(text.encode())

    assert (process.returncode, complaint) == (0, b"")
    octets = sound.read_bytes()
    assert octets[:4] == b"RIFF"
    assert len(octets) > 20_000


async def console(path: Path, **options: object) -> Prompter:
    prompter = ConsolePrompterOptions(device=str(path), **options).make()  # type: ignore[arg-type]
    await prompter.open()
    return prompter


async def test_lines_go_to_the_device(tmp_path: Path) -> None:
    path = tmp_path / "tty1"
    path.touch()
    prompter = await console(path, names=True)

    await prompter.prompt(Prompt(Cue.WELCOME, "Ann", 36.6))
    await prompter.prompt(Prompt(Cue.IDLE))
    await prompter.prompt(Prompt(Cue.STRANGER))

    await prompter.close()
    await prompter.close()
    assert path.read_text() == "» Welcome, Ann, 36.6 °C\n» You are not known here\n"


async def test_a_name_commands_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "tty1"
    path.touch()
    prompter = await console(path, names=True)

    await prompter.prompt(Prompt(Cue.WELCOME, "A\x1b[2J\r\nB"))

    await prompter.close()
    assert path.read_text() == "» Welcome, A [2J  B\n"


async def test_a_terminal_that_is_held_does_not_hold_the_door(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    prompter = await console(path)

    with pytest.raises(DriverError, match="takes no lines"):
        for _ in range(100_000):
            await prompter.prompt(Prompt(Cue.STRANGER))

    await prompter.close()
    os.close(reader)


async def test_standard_error_is_the_console_unless_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    prompter = ConsolePrompterOptions().make()
    await prompter.open()

    await prompter.prompt(Prompt(Cue.WELCOME, "Ann"))

    await prompter.close()
    assert capfd.readouterr() == ("", "» Welcome\n")


async def test_absent_console_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(DriverUnavailable, match=r"^there is no console .*nothing$"):
        await ConsolePrompterOptions(device=str(tmp_path / "nothing")).make().open()

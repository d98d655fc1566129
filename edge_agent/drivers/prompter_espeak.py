"""Prompts spoken by espeak-ng."""

import asyncio
import contextlib
import logging
import shutil
from dataclasses import dataclass
from typing import Annotated, Final

from edge_agent.config.fields import between
from edge_agent.drivers.base import Prompt
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from edge_agent.drivers.prompt_texts import Language, words

logger = logging.getLogger(__name__)

_PROGRAMS: Final = ("espeak-ng", "espeak")
_VOICES: Final = {Language.ENGLISH: "en", Language.CHINESE: "zh"}  # known to both programs
_LONGEST_S: Final = 15.0  # a sentence takes three; a sound card that hangs must not pile up


@dataclass(frozen=True, slots=True)
class EspeakPrompterOptions:
    """Options of the driver ``espeak``.

    Attributes:
        language: of the words, ``en`` or ``zh``.
        names: whether people are called by name.
        voice: of espeak-ng; empty for the usual one of the language.
        words_per_minute: how fast it speaks.
        volume: 0 to 200.
    """

    language: Language = Language.ENGLISH
    names: bool = False
    voice: str = ""
    words_per_minute: Annotated[int, between(80, 450)] = 160
    volume: Annotated[int, between(0, 200)] = 100

    def make(self) -> "EspeakPrompter":
        """Build the prompter; nothing is started."""
        return EspeakPrompter(self)


def speaking_arguments(options: EspeakPrompterOptions) -> list[str]:
    """Return the command line after the program's name; the text is passed on standard input."""
    voice = options.voice or _VOICES[options.language]
    rate, volume = str(options.words_per_minute), str(options.volume)
    return ["-v", voice, "-s", rate, "-a", volume, "--stdin"]


class EspeakPrompter:
    """`Prompter` that speaks; a newer prompt cuts off an older one."""

    def __init__(self, options: EspeakPrompterOptions) -> None:
        self._options = options
        self._program = ""
        self._speaking: asyncio.subprocess.Process | None = None
        self._reaping: set[asyncio.Task[None]] = set()
        self._works = True

    @property
    def is_speaking(self) -> bool:
        """Whether something is being said."""
        return bool(self._reaping)

    async def open(self) -> None:
        """See `Prompter.open`."""
        found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if found is None:
            raise DriverUnavailable("the prompter driver espeak needs the program espeak-ng")
        self._program = found

    async def prompt(self, prompt: Prompt) -> None:
        """See `Prompter.prompt`."""
        given = self._options
        text = words(prompt, given.language, with_name=given.names)
        if not text:
            return
        self._stop_speaking()
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            # The words go through a pipe: a command line can be read by every user.
            process = await asyncio.create_subprocess_exec(
                self._program,
                *speaking_arguments(given),
                stdin=pipe,
                stdout=nowhere,
                stderr=nowhere,
            )
        except OSError as error:
            raise DriverError("espeak-ng cannot be started") from error
        self._speaking = process
        task = asyncio.create_task(self._speak(process, text.encode()), name="espeak")
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)

    async def close(self) -> None:
        """See `Prompter.close`."""
        self._stop_speaking()
        if self._reaping:
            await asyncio.wait(self._reaping)

    def _stop_speaking(self) -> None:
        process, self._speaking = self._speaking, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _speak(self, process: asyncio.subprocess.Process, text: bytes) -> None:
        """Pass the text to the process and wait for its end, so that no zombie is left."""
        try:
            async with asyncio.timeout(_LONGEST_S):
                await process.communicate(text)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        status = process.returncode
        # A negative one was hushed by a newer prompt.
        if self._works and status is not None and status > 0:
            logger.warning("espeak_failed status=%s", status)
        self._works = status is None or status <= 0

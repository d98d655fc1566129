"""Prompts as lines of text, for a serial console or a display that shows lines."""

import os
import sys
from dataclasses import dataclass

from edge_agent.drivers.base import Prompt
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from edge_agent.drivers.prompt_texts import Language, words


@dataclass(frozen=True, slots=True)
class ConsolePrompterOptions:
    """Options of the driver ``console``.

    Attributes:
        device: terminal or file that the lines go to, for example ``/dev/tty1``; empty for the
            standard error, because the standard output is for the event_log.
        language: of the words, ``en`` or ``zh``.
        names: whether people are called by name.
    """

    device: str = ""
    language: Language = Language.ENGLISH
    names: bool = False

    def make(self) -> "ConsolePrompter":
        """Build the prompter; nothing is opened."""
        return ConsolePrompter(self)


class ConsolePrompter:
    """`Prompter` that writes a line for each prompt."""

    is_soundless = True

    def __init__(self, options: ConsolePrompterOptions) -> None:
        self._options = options
        self._handle = -1

    async def open(self) -> None:
        """See `Prompter.open`."""
        if self._handle >= 0:
            return
        path = self._options.device
        try:
            if not path:
                self._handle = os.dup(sys.stderr.fileno())
                return
            # Without waiting: a terminal that is held must not hold the door.
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
            self._handle = os.open(path, flags)
        except FileNotFoundError as error:
            raise DriverUnavailable(f"there is no console {path}") from error
        except (OSError, ValueError) as error:
            where = path or "of this program"
            raise DriverUnavailable(f"console {where} cannot be used") from error

    async def prompt(self, prompt: Prompt) -> None:
        """See `Prompter.prompt`."""
        line = words(prompt, self._options.language, with_name=self._options.names)
        if not line:
            return
        if self._handle < 0:
            raise DriverError("the console is not open")
        # A name may hold what a terminal takes for commands.
        shown = "".join(one if one.isprintable() else " " for one in line)
        try:
            os.write(self._handle, f"» {shown}\n".encode())
        except OSError as error:
            raise DriverError("the console takes no lines") from error

    async def close(self) -> None:
        """See `Prompter.close`."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

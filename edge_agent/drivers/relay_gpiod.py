"""A relay on a GPIO line, through libgpiod version 2 (https://libgpiod.readthedocs.io)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from edge_agent.drivers.relay_timed import TimedRelay
from edge_agent.exceptions import DriverError, DriverTimeout, DriverUnavailable
from edge_agent.typed_tables import ranged

_TIMEOUT_S = 2.0  # setting a line is one ioctl; a bus expander behind it takes milliseconds


@dataclass(frozen=True, slots=True)
class GpiodRelayOptions:
    """Options of the driver ``gpiod``.

    Attributes:
        chip: the chip's device file.
        line: number of the line on that chip.
        active_low: whether the relay pulls in when the line is low.
    """

    chip: str = "/dev/gpiochip0"
    line: int = ranged(17, 0, 1023)
    active_low: bool = False

    def make(self) -> "GpiodRelay":
        """Build the relay; nothing is opened."""
        return GpiodRelay(chip=self.chip, line=self.line, active_low=self.active_low)


class GpiodRelay(TimedRelay):
    """`Relay` on one line of a GPIO chip."""

    def __init__(self, *, chip: str, line: int, active_low: bool) -> None:
        super().__init__()
        self._chip = chip
        self._line = line
        self._active_low = active_low
        self._request: Any = None
        self._gpiod: Any = None
        self._thread: ThreadPoolExecutor | None = None

    async def _attach(self) -> None:
        try:
            import gpiod  # the vendor's library is needed only where this relay is used
        except ImportError as error:
            raise DriverUnavailable(
                "the relay driver gpiod needs the package gpiod: pip install 'menjin[edge-gpio]'"
            ) from error
        self._gpiod = gpiod
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay-gpiod")
        try:
            self._request = await self._in_thread(self._take_line)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    def _take_line(self) -> Any:
        gpiod = self._gpiod
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.OUTPUT,
            active_low=self._active_low,
            output_value=gpiod.line.Value.INACTIVE,
        )
        try:
            return gpiod.request_lines(
                self._chip, consumer="menjin-door", config={self._line: settings}
            )
        except FileNotFoundError as error:
            raise DriverUnavailable(f"there is no GPIO chip {self._chip}") from error
        except PermissionError as error:
            raise DriverUnavailable(f"no permission to use GPIO chip {self._chip}") from error
        except (OSError, ValueError) as error:
            raise DriverUnavailable(
                f"line {self._line} of GPIO chip {self._chip} cannot be used: {error}"
            ) from error

    async def _switch(self, *, energised: bool) -> None:
        await self._in_thread(lambda: self._set_line(energised=energised))

    def _set_line(self, *, energised: bool) -> None:
        value = self._gpiod.line.Value
        try:
            self._request.set_value(self._line, value.ACTIVE if energised else value.INACTIVE)
        except _switch_errors(self._gpiod) as error:
            raise DriverError(f"GPIO line {self._line} could not be switched") from error

    async def _detach(self) -> None:
        if self._thread is None:
            return
        try:
            await self._in_thread(self._request.release)
        finally:
            self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await loop.run_in_executor(self._thread, work)
        except TimeoutError as error:
            raise DriverTimeout(f"GPIO chip {self._chip} does not answer") from error


def vendor_errors(gpiod: Any) -> tuple[type[Exception], ...]:
    """Exception classes of the library's own; a test compares them with what the library has."""
    return (gpiod.ChipClosedError, gpiod.RequestReleasedError)


def _switch_errors(gpiod: Any) -> tuple[type[Exception], ...]:
    return (OSError, ValueError, *vendor_errors(gpiod))

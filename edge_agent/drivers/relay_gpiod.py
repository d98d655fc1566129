"""Relay on a GPIO line, through libgpiod version 2 (https://libgpiod.readthedocs.io)."""

from dataclasses import dataclass
from typing import Annotated, Any

from edge_agent.config.fields import between
from edge_agent.drivers.exceptions import DriverError, DriverTimeout, DriverUnavailable
from edge_agent.drivers.relay_timed import TimedRelay
from edge_agent.drivers.worker import DriverThread

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
    line: Annotated[int, between(0, 1023)] = 17
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
        self._thread = DriverThread("relay-gpiod", timeout_s=_TIMEOUT_S, device=f"GPIO chip {chip}")

    async def _attach(self) -> None:
        try:
            import gpiod  # the vendor's library is needed only where this relay is used
        except ImportError as error:
            raise DriverUnavailable(
                "the relay driver gpiod needs the package gpiod (extra edge-gpio)"
            ) from error
        self._gpiod = gpiod
        try:
            self._request = await self._thread.run(self._take_line)
        except DriverTimeout as error:
            self._thread.end()
            raise DriverUnavailable(str(error)) from error
        except BaseException:
            self._thread.end()
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
        await self._thread.run(lambda: self._set_line(energised=energised))

    def _set_line(self, *, energised: bool) -> None:
        value = self._gpiod.line.Value
        try:
            self._request.set_value(self._line, value.ACTIVE if energised else value.INACTIVE)
        except _switch_errors(self._gpiod) as error:
            raise DriverError(f"GPIO line {self._line} could not be switched") from error

    async def _detach(self) -> None:
        try:
            await self._thread.run(self._request.release)
        finally:
            self._thread.end()


def vendor_errors(gpiod: Any) -> tuple[type[Exception], ...]:
    """Return the library's own exception classes; a test compares them with the library."""
    return (gpiod.ChipClosedError, gpiod.RequestReleasedError)


def _switch_errors(gpiod: Any) -> tuple[type[Exception], ...]:
    return (OSError, ValueError, *vendor_errors(gpiod))

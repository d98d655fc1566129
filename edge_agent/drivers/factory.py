"""Names of drivers to the objects that carry them; one table per interface."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from edge_agent.config import CameraConfig, RelayConfig, ThermometerConfig
from edge_agent.drivers.base import Camera, Relay, Thermometer
from edge_agent.drivers.folder_camera import FolderCamera
from edge_agent.drivers.opencv_camera import OpencvCamera
from edge_agent.drivers.relay_gpiod import GpiodRelay
from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.drivers.thermometer import NoThermometer, SimulatedThermometer
from edge_agent.exceptions import ConfigInvalid

Driver = TypeVar("Driver")

CAMERAS: Final[Mapping[str, Callable[[CameraConfig], Camera]]] = {
    "folder": lambda given: FolderCamera(
        given.folder, interval_s=given.interval_s, rounds=given.rounds
    ),
    "opencv": lambda given: OpencvCamera(
        given.source, interval_s=given.interval_s, rounds=given.rounds
    ),
}
RELAYS: Final[Mapping[str, Callable[[RelayConfig], Relay]]] = {
    "simulated": lambda given: SimulatedRelay(),
    "gpiod": lambda given: GpiodRelay(
        chip=given.chip, line=given.line, active_low=given.active_low
    ),
}
THERMOMETERS: Final[Mapping[str, Callable[[ThermometerConfig], Thermometer]]] = {
    "simulated": lambda given: SimulatedThermometer(
        mean_c=given.mean_c, spread_c=given.spread_c, seed=given.seed
    ),
    "none": lambda given: NoThermometer(),
}


def make_camera(given: CameraConfig) -> Camera:
    """Build the camera that was asked for; nothing is opened.

    Raises:
        ConfigInvalid: there is no driver of that name.
    """
    return _known(CAMERAS, given.driver, "camera")(given)


def make_relay(given: RelayConfig) -> Relay:
    """Build the relay that was asked for; see `make_camera`."""
    return _known(RELAYS, given.driver, "relay")(given)


def make_thermometer(given: ThermometerConfig) -> Thermometer:
    """Build the thermometer that was asked for; see `make_camera`."""
    return _known(THERMOMETERS, given.driver, "thermometer")(given)


def _known(table: Mapping[str, Driver], name: str, section: str) -> Driver:
    if name not in table:
        raise ConfigInvalid(f"{section}.driver: unknown; known are {', '.join(sorted(table))}")
    return table[name]

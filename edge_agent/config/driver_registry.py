"""Registry of drivers by name: those of this package and those of installed packages.

A driver is offered as a frozen dataclass of its options with a method ``make()`` that builds the
driver and opens nothing. Options are what may stand beside ``driver`` in the driver's section;
ranges and secrets are declared as in `edge_agent.config.fields`. Another package offers one
by an entry point in one of the `GROUPS`::

    [project.entry-points."menjin.relays"]
    acme = "acme_door:AcmeRelayOptions"
"""

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from edge_agent.config.exceptions import ConfigInvalid

# Section of the configuration to group of entry points.
GROUPS: Final[Mapping[str, str]] = {
    "camera": "menjin.cameras",
    "relay": "menjin.relays",
    "thermometer": "menjin.thermometers",
    "card_reader": "menjin.card_readers",
    "prompter": "menjin.prompters",
}
# Modules of this package are imported only when they are chosen.
OWN: Final[Mapping[str, Mapping[str, str]]] = {
    "camera": {
        "folder": "folder_camera:FolderCameraOptions",
        "opencv": "opencv_camera:OpencvCameraOptions",
        "picamera2": "picamera2_camera:Picamera2Options",
    },
    "relay": {
        "simulated": "relay_simulated:SimulatedRelayOptions",
        "gpiod": "relay_gpiod:GpiodRelayOptions",
        "usb-hid": "relay_usb_hid:UsbHidRelayOptions",
        "http": "relay_http:HttpRelayOptions",
    },
    "thermometer": {
        "simulated": "thermometer:SimulatedThermometerOptions",
        "none": "thermometer:NoThermometerOptions",
        "mlx90614": "thermometer_mlx90614:Mlx90614Options",
        "mlx90640": "thermometer_mlx90640:Mlx90640Options",
        "serial": "thermometer_serial:SerialThermometerOptions",
    },
    "card_reader": {
        "none": "absent:NoCardReaderOptions",
        "keyboard-wedge": "card_reader_wedge:WedgeReaderOptions",
        "simulated": "card_reader_simulated:SimulatedReaderOptions",
    },
    "prompter": {
        "none": "absent:NoPrompterOptions",
        "console": "prompter_console:ConsolePrompterOptions",
        "espeak": "prompter_espeak:EspeakPrompterOptions",
        "display": "prompter_display:DisplayPrompterOptions",
    },
}


def known_drivers(section: str) -> list[str]:
    """Return the names that ``driver`` may have in a section, those of other packages too."""
    return sorted({*OWN[section], *(one.name for one in entry_points(group=GROUPS[section]))})


def driver_options(section: str, name: str) -> type[Any]:
    """Return the dataclass of a driver's options; its ``make()`` builds the driver.

    A name of this package always means the driver of this package.

    Raises:
        ConfigInvalid: there is no such driver, or another package's cannot be loaded.
    """
    if name in OWN[section]:
        module, _, attribute = OWN[section][name].partition(":")
        own: type[Any] = getattr(import_module(f"edge_agent.drivers.{module}"), attribute)
        return own
    found = tuple(entry_points(group=GROUPS[section], name=name))
    if not found:
        known = ", ".join(known_drivers(section))
        raise ConfigInvalid(f"{section}.driver: unknown; known are {known}")
    if len(found) > 1:
        packages = ", ".join(sorted(map(_package, found)))
        raise ConfigInvalid(f"{section}.driver: {name} is offered by several packages: {packages}")
    return _loaded(section, found[0])


def _loaded(section: str, entry: EntryPoint) -> type[Any]:
    offer = f"{section}.driver: {entry.name} of the package {_package(entry)}"
    try:
        offered = entry.load()
    except Exception as error:
        # Whatever another package raises while it is imported.
        raise ConfigInvalid(f"{offer} cannot be loaded ({type(error).__name__})") from error
    is_options = isinstance(offered, type) and dataclasses.is_dataclass(offered)
    if not is_options or not callable(getattr(offered, "make", None)):
        raise ConfigInvalid(f"{offer} is no dataclass of options with a method make()")
    options: type[Any] = offered
    return options


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module

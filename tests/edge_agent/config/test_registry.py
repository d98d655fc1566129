"""Drivers are chosen by name; other packages add theirs by entry points."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import AgentConfig, parse_config
from edge_agent.config.driver_registry import GROUPS, OWN, driver_options, known_drivers
from edge_agent.config.exceptions import ConfigInvalid

MODULE = '''
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edge_agent.drivers.relay_simulated import SimulatedRelay
from edge_agent.config.fields import between, secret


class AcmeRelay(SimulatedRelay):
    """A relay of somebody else."""

    def __init__(self, options):
        super().__init__()
        self.options = options


@dataclass(frozen=True, slots=True)
class AcmeOptions:
    address: str
    channel: Annotated[int, between(1, 4)] = 1
    table: Path = Path("acme.tab")
    key: str = secret()

    def make(self):
        return AcmeRelay(self)


class Nothing:
    pass
'''
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lay down a package as an installer does: modules and a dist-info folder beside them."""
    monkeypatch.syspath_prepend(tmp_path)

    def lay_down(*entries: str, package: str = "acme-door", group: str = "menjin.relays") -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(MODULE)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *entries]) + "\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return lay_down


def parsed(**sections: Any) -> AgentConfig:
    table = {"device_id": "1", "base_url": "http://h/t/abc", **sections}
    return parse_config(table, base=Path("/srv/door"))


def refusal(**sections: Any) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        parsed(**sections)
    return str(caught.value)


@pytest.mark.parametrize(
    ("section", "driver"), [(section, driver) for section in OWN for driver in OWN[section]]
)
def test_every_driver_of_this_package_is_built_without_hardware(section: str, driver: str) -> None:
    needed = {"http": {"on_url": "http://h/on", "off_url": "http://h/off"}}.get(driver, {})

    config = parsed(**{section: {"driver": driver, **needed}})

    assert callable(getattr(config, section).options.make().open)


@pytest.mark.parametrize("section", GROUPS)
def test_unknown_driver_is_answered_with_the_known_ones(section: str) -> None:
    reported = refusal(**{section: {"driver": "nonsense"}})

    assert reported == f"{section}.driver: unknown; known are {', '.join(known_drivers(section))}"


def test_another_packages_driver_is_built_with_its_options(install: Install) -> None:
    install("acme = acme_door:AcmeOptions")

    config = parsed(relay={"driver": "acme", "address": "7", "channel": 2, "key": "s3cr3t-key"})

    options = config.relay.options.make().options
    assert (options.address, options.channel) == ("7", 2)
    assert options.table == Path("/srv/door/acme.tab")
    assert "acme" in known_drivers("relay")
    assert "s3cr3t-key" in config.secrets
    assert "s3cr3t-key" not in repr(config)


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({}, "relay.address: is missing"),
        ({"address": 3}, "relay.address: must be a text"),
        ({"address": "7", "channel": 5}, "relay.channel: must be from 1 to 4"),
        ({"address": "7", "line": 5}, "relay.line: unknown key; known are address, channel, key"),
    ],
)
def test_another_packages_options_are_as_strict(
    install: Install, options: dict[str, Any], reported: str
) -> None:
    install("acme = acme_door:AcmeOptions")

    assert refusal(relay={"driver": "acme", **options}).startswith(reported)


@pytest.mark.parametrize(
    ("entry", "reported"),
    [
        ("acme_door:Missing", "cannot be loaded (AttributeError)"),
        ("acme_gone:Options", "cannot be loaded (ModuleNotFoundError)"),
        ("acme_door:Nothing", "is no dataclass of options with a method make()"),
        ("acme_door:MODULE", "cannot be loaded (AttributeError)"),
    ],
)
def test_a_broken_package_is_named(install: Install, entry: str, reported: str) -> None:
    install(f"acme = {entry}")

    assert refusal(relay={"driver": "acme"}) == (
        f"relay.driver: acme of the package acme-door {reported}"
    )


def test_two_packages_with_one_name_are_named(install: Install) -> None:
    install("acme = acme_door:AcmeOptions")
    install("acme = other_door:AcmeOptions", package="other-door")

    reported = refusal(relay={"driver": "acme"})

    assert reported.endswith("acme is offered by several packages: acme-door, other-door")


def test_a_name_of_this_package_stays_this_packages(install: Install) -> None:
    install("simulated = acme_door:AcmeOptions")

    assert driver_options("relay", "simulated").__name__ == "SimulatedRelayOptions"


def test_a_driver_of_another_kind_is_unknown_here(install: Install) -> None:
    install("acme = acme_door:AcmeOptions", group="menjin.cameras")

    assert refusal(relay={"driver": "acme"}).startswith("relay.driver: unknown")


def test_options_of_another_driver_are_refused() -> None:
    assert refusal(relay={"driver": "simulated", "line": 3}) == (
        "relay.line: unknown key; known are none"
    )

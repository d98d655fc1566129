"""Generator of the systemd unit of a terminal: systemd.service(5), systemd.exec(5).

It may touch its own data and the devices of its drivers, and nothing else.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

from edge_agent.config import AgentConfig

WATCHDOG_S: Final = 60
_STATE_ROOT: Final = Path("/var/lib")
DEFAULT_CACHE: Final = Path("/var/cache/menjin")
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))


@dataclass(frozen=True, slots=True)
class _Needs:
    """Requirements of a driver: groups of Linux distributions, device classes of /proc/devices."""

    groups: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


_NOTHING: Final = _Needs()
_VIDEO: Final = _Needs(("video",), ("char-video4linux",))
_I2C: Final = _Needs(("i2c",), ("char-i2c",))
_NEEDS: Final = {
    ("camera", "folder"): _NOTHING,
    ("camera", "opencv"): _VIDEO,
    ("camera", "picamera2"): _Needs(
        ("video", "render"), ("char-video4linux", "char-media", "char-dma_heap")
    ),
    ("relay", "simulated"): _NOTHING,
    ("relay", "gpiod"): _Needs(("gpio",), ("char-gpiochip",)),
    ("relay", "usb-hid"): _Needs(("plugdev",), ("char-hidraw",)),
    ("relay", "http"): _NOTHING,
    ("thermometer", "simulated"): _NOTHING,
    ("thermometer", "none"): _NOTHING,
    ("thermometer", "mlx90614"): _I2C,
    ("thermometer", "mlx90640"): _I2C,
    ("thermometer", "serial"): _Needs(
        ("dialout",), ("char-ttyUSB", "char-ttyACM", "char-ttyAMA", "char-ttyS")
    ),
    ("card_reader", "none"): _NOTHING,
    ("card_reader", "keyboard-wedge"): _Needs(("input",), ("char-input",)),
    ("card_reader", "simulated"): _NOTHING,
    ("prompter", "none"): _NOTHING,
    ("prompter", "console"): _Needs(("tty",), ("char-tty",)),
    ("prompter", "espeak"): _Needs(("audio",), ("char-alsa",)),
    ("prompter", "display"): _NOTHING,
}
# A driver of another package may need any of these.
_ANY: Final = _Needs(
    ("video", "gpio", "i2c", "spi", "dialout", "input"),
    (
        *("char-video4linux", "char-gpiochip", "char-i2c", "char-spi", "char-input"),
        *("char-hidraw", "char-ttyUSB", "char-ttyACM", "char-ttyAMA"),
    ),
)
_HARDENING: Final = """\
# It sees and changes nothing but what it needs.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
# What is left of an aborted process would hold faces.
LimitCORE=0
"""


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """Input of the unit.

    Attributes:
        config: of the terminal.
        config_path: of its file, absolute.
        python: interpreter of the installation, absolute.
        user: account that runs it.
        groups: groups that this computer has; a unit that names another one does not start.
        cache: folder of the face models, when the configuration names none.
    """

    config: AgentConfig
    config_path: Path
    python: Path
    user: str
    groups: Collection[str]
    cache: Path = DEFAULT_CACHE


def unit_text(plan: UnitPlan) -> str:
    """Return the unit; it holds no secret."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: UnitPlan) -> Iterator[str]:
    device_id = _escaped(plan.config.device_id)
    yield from _how_to_install(plan)
    yield "[Unit]"
    yield f"Description=Menjin terminal {device_id}"
    yield "Wants=network-online.target"
    yield "After=network-online.target time-sync.target"
    yield "# A door has to come back however often it fails."
    yield "StartLimitIntervalSec=0"
    yield ""
    yield "[Service]"
    yield "Type=notify"
    yield "NotifyAccess=main"
    # Without names in the journal.
    command = (str(plan.python), "-m", "edge_agent", "run", "--events", "--config")
    yield f"ExecStart={' '.join(map(_command_word, (*command, str(plan.config_path))))}"
    yield f"User={plan.user}"
    yield f"WatchdogSec={WATCHDOG_S}"
    yield "TimeoutStartSec=180"
    yield "TimeoutStopSec=30"
    yield "Restart=always"
    yield "RestartSec=3"
    yield "# 2: the configuration is wrong, and stays so until it is changed."
    yield "RestartPreventExitStatus=2"
    yield "Environment=PYTHONUNBUFFERED=1"
    if not plan.config.model_dir:
        yield f"Environment={_quoted(f'MENJIN_CACHE={plan.cache}')}"
    yield ""
    yield from _places(plan)
    yield ""
    yield from _devices(plan)
    yield ""
    yield from _HARDENING.splitlines()
    yield ""
    yield "[Install]"
    yield "WantedBy=multi-user.target"


def _how_to_install(plan: UnitPlan) -> Iterator[str]:
    user, unit = plan.user, "/etc/systemd/system/menjin-terminal.service"
    path, python, cache = (quote(str(one)) for one in (plan.config_path, plan.python, plan.cache))
    yield f"# {unit}, written by: python -m edge_agent systemd-unit"
    yield "# Once, as root:"
    yield f"#   useradd --system --shell /usr/sbin/nologin {user}"
    yield f"#   chown {user} {path} && chmod 600 {path}"
    if not _is_within(plan.config.data_dir, (_STATE_ROOT,)):
        yield f"#   install -d -m 700 -o {user} {quote(str(plan.config.data_dir.absolute()))}"
    if not plan.config.model_dir:
        yield f"#   MENJIN_CACHE={cache} {python} -m face_engine install"
    yield "#   systemctl daemon-reload && systemctl enable --now menjin-terminal"
    yield ""


def _places(plan: UnitPlan) -> Iterator[str]:
    data_dir = plan.config.data_dir.absolute()
    if _is_within(data_dir, (_STATE_ROOT,)):
        yield f"StateDirectory={_quoted(str(data_dir.relative_to(_STATE_ROOT)))}"
        yield "StateDirectoryMode=0700"
    else:
        yield f"ReadWritePaths={_quoted(str(data_dir))}"
    used = [plan.python, plan.config_path, data_dir, plan.cache]
    used += [Path(plan.config.model_dir)] if plan.config.model_dir else []
    folder = getattr(plan.config.camera.options, "folder", None)
    used += [folder.absolute()] if isinstance(folder, Path) else []
    is_at_home = any(_is_within(one, _HOMES) for one in used)
    yield f"ProtectHome={'read-only' if is_at_home else 'yes'}"


def _devices(plan: UnitPlan) -> Iterator[str]:
    config = plan.config
    groups: dict[str, None] = {}
    devices: dict[str, None] = {}
    for section in ("camera", "relay", "thermometer", "card_reader", "prompter"):
        needs = _NEEDS.get((section, getattr(config, section).driver), _ANY)
        groups |= dict.fromkeys(needs.groups)
        devices |= dict.fromkeys(needs.devices)
    missing = [one for one in groups if one not in plan.groups]
    if missing:
        yield f"# Groups that this computer does not have: {' '.join(missing)}"
    present = [one for one in groups if one in plan.groups]
    if present:
        yield f"SupplementaryGroups={' '.join(present)}"
    yield "DevicePolicy=closed"
    yield from (f"DeviceAllow={one} rw" for one in devices)


def _is_within(path: Path, roots: Collection[Path]) -> bool:
    return any(path.absolute().is_relative_to(root) and path != root for root in roots)


def _escaped(text: str) -> str:
    """Escape specifiers in a text."""
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """Quote a word of a list."""
    if word and all(one.isalnum() or one in "/._-=:@+" for one in word):
        return word
    safe = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_escaped(safe)}"'


def _command_word(word: str) -> str:
    """Quote a word of a command, in which a dollar begins a variable."""
    return _quoted(word).replace("$", "$$")

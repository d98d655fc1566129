"""What each kind of command is: how long it may wait, what it may cost, who carries it out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from devices.choices import CommandKind


@dataclass(frozen=True, slots=True)
class KindSpec:
    """How a kind of command is treated.

    Attributes:
        task: name of the Celery task that carries it out; the work may lie in another app.
        expires: dropped unless sent within this time.
        is_urgent: goes to a worker at once and past whatever long work talks to the terminal.
        may_repeat: done twice it is the same as once, so it is taken up again when a worker died.
        asks_twice: even for one terminal.
        asks_twice_for_many: when more than one terminal is meant.
        needs_reason: whoever asks must say why.
    """

    task: str
    expires: timedelta
    is_urgent: bool = False
    may_repeat: bool = True
    asks_twice: bool = False
    asks_twice_for_many: bool = False
    needs_reason: bool = False


_DEVICES, _FACES, _RECORDS = (f"{app}.tasks.command_run" for app in ("devices", "faces", "records"))
# Somebody stands at the door and the one who pressed looks on; later it would open for nobody.
OPEN_WITHIN: Final = timedelta(seconds=8)
_SOON, _TODAY = timedelta(minutes=10), timedelta(hours=2)

KINDS: Final[dict[CommandKind, KindSpec]] = {
    CommandKind.OPEN_DOOR: KindSpec(
        _DEVICES,
        OPEN_WITHIN,
        is_urgent=True,
        may_repeat=False,
        asks_twice_for_many=True,
        needs_reason=True,
    ),
    CommandKind.SYNC_TIME: KindSpec(_DEVICES, _TODAY),
    # A terminal that comes back an hour later must not restart while people stand before it.
    CommandKind.REBOOT: KindSpec(_DEVICES, timedelta(minutes=2), may_repeat=False, asks_twice=True),
    CommandKind.SETTINGS_READ: KindSpec(_DEVICES, _SOON),
    CommandKind.SETTINGS_WRITE: KindSpec(_DEVICES, _SOON, asks_twice=True),
    CommandKind.PEOPLE_PUSH: KindSpec(_FACES, _TODAY),
    CommandKind.PEOPLE_COMPARE: KindSpec(_FACES, _TODAY),
    CommandKind.PEOPLE_REPAIR: KindSpec(_FACES, _SOON, asks_twice=True),
    CommandKind.PEOPLE_WIPE: KindSpec(_FACES, timedelta(minutes=2), asks_twice=True),
    CommandKind.RECORDS_PULL: KindSpec(_RECORDS, _TODAY),
    # What it does is the maker's own: perhaps a door that opens, so it is treated like a restart.
    CommandKind.JSON: KindSpec(
        _DEVICES, timedelta(minutes=2), may_repeat=False, asks_twice_for_many=True
    ),
}
URGENT: Final = tuple(kind for kind, spec in KINDS.items() if spec.is_urgent)


def asks_twice(kind: str, *, terminals: int) -> bool:
    """Tell whether this must be confirmed before it is queued."""
    spec = KINDS[CommandKind(kind)]
    return spec.asks_twice or (spec.asks_twice_for_many and terminals > 1)

"""Demonstration site: a door, two residents, and pictures of passers-by."""

import contextlib
import json
import secrets
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from console.server_locks import SERVING_BEYOND, unserved
from devices.choices import Direction, TerminalStatus, Verification
from devices.models import Site, Terminal
from devices.selectors import demonstration_site, site_base_url
from devices.services import site_create
from faces.choices import PhotoStatus
from faces.models import Library, Person, Revocation
from faces.services import person_save
from server_common.crypto import seal, unseal
from terminal_protocol.device_calls import DEFAULT_HTTP_PORT, DEFAULT_PUSH_PORT

ADMIN_NAME = "admin"
ADMIN_FILE = "admin.json"
_SITE_CODE = "demo"
_SITE_NAME = "Demo community"
_DEVICE_ID = "0000001"
_PASSWORD_PURPOSE = "console.demo_password"  # noqa: S105 - names a purpose


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A resident of the demonstration and the portrait they are enrolled with."""

    user_id: str
    name: str
    portrait: str


# United States government portraits (face_engine manifest "demo-portraits").
RESIDENTS = (
    DemoPerson("1001", "Barack Obama", "obama.jpg"),
    DemoPerson("1002", "Joe Biden", "biden.jpg"),
)
# Passers-by, in this order: both residents, one of them on another photo, and a stranger.
VISITORS = {
    "1-obama.jpg": "obama2.jpg",
    "2-astronaut.png": "astronaut.png",
    "3-biden.jpg": "biden.jpg",
    "4-obama@37.9.jpg": "obama2.jpg",
}


@dataclass(frozen=True, slots=True)
class DemoSite:
    """What the demonstration needs to start."""

    site: Site
    folder: Path
    admin_name: str
    admin_password: str

    def write_terminal_config(self, url: str) -> Path:
        """Write the software terminal's configuration and return its path.

        Effects: the platform learns where to call the terminal, and by which password.
        """
        port, push_port = (free_port_like(one) for one in (DEFAULT_HTTP_PORT, DEFAULT_PUSH_PORT))
        password = secrets.token_urlsafe(12)
        terminal = Terminal.objects.get(site=self.site, device_id=_DEVICE_ID)
        terminal.api_address, terminal.api_password = f"127.0.0.1:{port}", password
        terminal.push_port = push_port
        terminal.save(update_fields=["api_address", "api_password", "push_port"])
        path = self.folder / "terminal.toml"
        path.touch(mode=0o600)
        path.write_text(
            "\n".join(
                [
                    f'device_id = "{_DEVICE_ID}"',
                    f'base_url = "{site_base_url(self.site, root=url)}"',
                    f'data_dir = "{self.folder / "terminal"}"',
                    "sync_interval_s = 5.0",
                    "heartbeat_interval_s = 15.0",
                    "",
                    "[camera]",
                    'driver = "folder"',
                    f'folder = "{self.folder / "visitors"}"',
                    "interval_s = 4.0",
                    "",
                    "[relay]",
                    'driver = "simulated"',
                    "",
                    "[thermometer]",
                    'driver = "simulated"',
                    "",
                    "[api]",
                    f"port = {port}",
                    f"push_port = {push_port}",
                    f'password = "{password}"',
                    "",
                ]
            )
        )
        return path


def free_port_like(wanted: int) -> int:
    """Return a free loopback port, the wanted one if it is free."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as probe:
            return int(probe.getsockname()[1])
    raise RuntimeError("no port is free")


def demo_prepare(
    *, portraits: Mapping[str, Path], folder: Path, say: Callable[[str], None]
) -> DemoSite:
    """Create site, administrator, terminal and residents, whatever of it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    site = demonstration_site() or _site_make()
    library, _ = Library.objects.get_or_create(site=site, name="Residents")
    Terminal.objects.get_or_create(
        site=site,
        device_id=_DEVICE_ID,
        defaults={
            "name": "Front door",
            "status": TerminalStatus.APPROVED,
            "all_libraries": True,
            "direction": Direction.IN,
        },
    )
    for resident in RESIDENTS:
        _enrol(site, library, resident, portraits, say)
    _copy_visitors(folder / "visitors", portraits)
    return DemoSite(
        site=site,
        folder=folder,
        admin_name=ADMIN_NAME,
        admin_password=_admin_password(folder / ADMIN_FILE),
    )


def _site_make() -> Site:
    """Create the site; it lets in every terminal, unless others than this machine are served.

    What was closed later stays closed: the site is made once.
    """
    fields = {"name": _SITE_NAME, "is_demonstration": True, "verification": Verification.ENFORCE}
    if not Site.objects.filter(code=_SITE_CODE).exists():
        fields["code"] = _SITE_CODE
    with unserved(SERVING_BEYOND) as is_local:
        return site_create(auto_approve=is_local, allow_bare_path=is_local, **fields)


def _enrol(
    site: Site,
    library: Library,
    resident: DemoPerson,
    portraits: Mapping[str, Path],
    say: Callable[[str], None],
) -> None:
    person = Person.objects.filter(site=site, user_id=resident.user_id).first()
    if person is not None and person.photos.filter(status=PhotoStatus.OK).exists():
        return
    if person is None and Revocation.objects.filter(site=site, user_id=resident.user_id).exists():
        # Erased by an administrator, who does not want them back at the next start.
        say(f"  {resident.name} was erased and stays so")
        return
    person = person_save(
        person=person or Person(site=site, user_id=resident.user_id, name=resident.name),
        library_ids=[library.pk],
        photo=portraits[resident.portrait].read_bytes(),
    )
    newest = person.photos.first()
    outcome = "no photo" if newest is None else newest.get_status_display()
    say(f"  enrolled {resident.name}: {outcome}")


def _copy_visitors(folder: Path, portraits: Mapping[str, Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, portrait in VISITORS.items():
        if not (folder / name).exists():
            shutil.copyfile(portraits[portrait], folder / name)


def _admin_password(path: Path) -> str:
    """Return the administrator's password, generated at the first start and kept sealed."""
    if path.exists():
        stored = json.loads(path.read_text())["password"]
        return unseal(bytes.fromhex(stored), purpose=_PASSWORD_PURPOSE).decode()
    password = secrets.token_urlsafe(9)
    with transaction.atomic():
        user, _ = User.objects.get_or_create(
            username=ADMIN_NAME, defaults={"is_staff": True, "is_superuser": True}
        )
        user.set_password(password)
        user.save()
    path.touch(mode=0o600)
    path.write_text(
        json.dumps({"password": seal(password.encode(), purpose=_PASSWORD_PURPOSE).hex()})
    )
    return password

"""Command ``manage.py demo``: one door, end to end, on real photos; ``make run`` starts it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from console.demo import ADMIN_NAME, DemoSite, demo_prepare
from console.demo_exposure import demo_exposure_check
from console.demo_removal import demo_close, demo_remove
from console.server_locks import port_require_free, serving, unserved
from devices.models import Site
from face_engine.assets import install_models, install_portraits
from face_engine.exceptions import InstallFailed

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 15.0


class Command(BaseCommand):
    """Set up a demonstration site, serve it, and run a software terminal beside it."""

    help = "Set up a demonstration site, start the platform and a software terminal beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        port = os.environ.get("PORT", "8000")
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=port, help="also: PORT")
        parser.add_argument(
            "--visits", type=int, default=0, help="stop after so many visits; 0: until Ctrl-C"
        )
        ending = parser.add_mutually_exclusive_group()
        ending.add_argument(
            "--close", action="store_true", help="let no terminal in by itself any more, and stop"
        )
        ending.add_argument(
            "--remove",
            action="store_true",
            help="erase the demonstration and its people, keep the administrator, and stop",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DEPLOYMENT != "embedded":
            raise CommandError("the demonstration runs on the embedded settings only")
        if options["close"]:
            self._close()
        elif options["remove"]:
            self._remove()
        else:
            # The process that serves marks its address itself.
            with serving("127.0.0.1"):
                self._demonstrate(options)

    def _demonstrate(self, options: dict[str, Any]) -> None:
        host, port = options["host"], options["port"]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Installed by hand: a parent that ignores SIGINT would pass that on to us.
            signal.signal(number, _interrupt)
        port_require_free(host, port, instead="make run PORT=8001")
        self._say("Database …")
        Path(settings.VAR).mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        demo_exposure_check(host)
        self._say("Models and portraits …")
        try:
            install_models(progress=self._say)
            portraits = install_portraits(progress=self._say)
        except InstallFailed as error:
            raise CommandError(str(error)) from error
        site = demo_prepare(portraits=portraits, folder=_folder(), say=self._say)
        # Once more: it may have been made just now.
        demo_exposure_check(host)
        self._run(site, host, port, options["visits"])

    def _close(self) -> None:
        site = demo_close() if _is_database_there() else None
        if site is None:
            self._say("there is no demonstration here")
            return
        self._say(
            f'"{site.name}" is closed: it lets in no terminal by itself and serves no address '
            "without a token; its own terminal goes on"
        )

    def _remove(self) -> None:
        with unserved() as is_free:
            if not is_free:
                raise CommandError("the platform is running; stop it first, then erase")
            if not _is_database_there():
                self._say("there is no demonstration here")
                return
            removed = demo_remove(folder=_folder())
        if removed.site:
            self._say(
                f'erased "{removed.site}": {removed.people} people, {removed.records} records, '
                f"and all their pictures; {ADMIN_NAME} stays"
            )
        else:
            self._say("there is no demonstration here any more")
        if removed.files_left:
            raise CommandError(
                f"{removed.files_left} files could not be deleted; run this again once they can be"
            )

    def _run(self, site: DemoSite, host: str, port: int, visits: int) -> None:
        # Own process groups: Ctrl-C reaches only this process, which then stops both in order.
        platform = _start("manage.py", "serve", "--host", host, "--port", str(port))
        terminal: subprocess.Popen[bytes] | None = None
        try:
            url = f"http://{_named(host)}:{port}"
            _wait_ready(platform, url)
            self._say("")
            self._say(f"Menjin runs at {url}  (Ctrl-C stops it)")
            self._say(f"  sign in as  {site.admin_name}  with password  {site.admin_password}")
            self._say(f"  live page   {url}/        admin  {url}/admin/")
            self._say(f"  REST        {url}/api/v1/docs/")
            self._say("")
            terminal = self._start_terminal(site, url, visits)
            self._wait(platform, terminal)
        except KeyboardInterrupt:
            self._say("\nstopping …")
        finally:
            # A second Ctrl-C must not leave half of it running; both stop within seconds.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            # The terminal first: what it has not sent yet stays in its queue on disk.
            _stop(terminal)
            _stop(platform)
            self._say("stopped")

    def _start_terminal(self, site: DemoSite, url: str, visits: int) -> subprocess.Popen[bytes]:
        config = site.write_terminal_config(url)
        arguments = ["-m", "edge_agent", "run", "--config", str(config)]
        if visits:
            arguments += ["--visits", str(visits)]
        return _start(*arguments)

    @staticmethod
    def _wait(platform: subprocess.Popen[bytes], terminal: subprocess.Popen[bytes]) -> None:
        """Return when the terminal is done with its visits; fail when either one breaks."""
        while True:
            if platform.poll() is not None:
                raise CommandError(f"the platform ended by itself (exit {platform.returncode})")
            if (code := terminal.poll()) is not None:
                if code:
                    raise CommandError(f"the terminal ended by itself (exit {code})")
                return
            time.sleep(0.2)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _folder() -> Path:
    return Path(settings.VAR) / "demo"


def _is_database_there() -> bool:
    """Tell whether there is a database to look into, and bring it up to date."""
    if Site._meta.db_table not in connection.introspection.table_names():
        return False
    call_command("migrate", verbosity=0)
    return True


def _named(host: str) -> str:
    """Return an address to call, where the one to listen on stands for all of them."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Have the kernel end this process when the demonstration is killed outright."""
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_ready(platform: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        if platform.poll() is not None:
            raise CommandError(f"the platform did not start (exit {platform.returncode})")
        try:
            with urlopen(f"{url}/healthz", timeout=2):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.1)
    raise CommandError("the platform did not answer in time")

"""The real nginx with the shipped files, on names, ports and folders of a test."""

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server_common.certificates import Known, certificate_prepare, configuration_write
from tests.support.processes import ROOT, free_port, kill_group, start, wait_listening

PART = ROOT / "docker" / "nginx.conf"
MAIN = ROOT / "docker" / "nginx-main.conf"
# Where it asks the platform from: a proxy that tests can trust without trusting their own calls.
ADDRESS = "127.0.0.3"


@dataclass(frozen=True, slots=True)
class Behind:
    """Ports and folder of the platform."""

    wsgi: int
    asgi: int
    files: Path


class Nginx:
    """One nginx on loopback ports of its own, which logs as much as it can.

    Args:
        folder: where it keeps what it keeps, made here.
        program: path of nginx.
        behind: the platform.
        proxies: proxies in front that it trusts.
        is_self_signed: what it is told of its certificate, which always is.
    """

    def __init__(
        self,
        folder: Path,
        program: str,
        behind: Behind,
        *,
        proxies: tuple[str, ...] = (),
        is_self_signed: bool = True,
    ) -> None:
        self.folder = folder
        self.tls = folder / "tls"
        self.port, self.https_port = free_port(), free_port()
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self.tls.mkdir(parents=True)
        certificate_prepare(self.tls, hosts=["127.0.0.1"])
        known = Known(
            is_self_signed=is_self_signed,
            hosts=["127.0.0.1"],
            proxies=proxies,
            https_port=self.https_port,
            hsts_s=3600,
        )
        configuration_write(self.tls, known)
        self._write(behind)

    def _write(self, behind: Behind) -> None:
        part, main = PART.read_text(), MAIN.read_text()
        for old, new in {
            "wsgi:8000": f"127.0.0.1:{behind.wsgi}",
            "asgi:8001": f"127.0.0.1:{behind.asgi}",
            "listen 80 ": f"listen 127.0.0.1:{self.port} ",
            "listen 443 ": f"listen 127.0.0.1:{self.https_port} ",
            "/etc/menjin-tls/": f"{self.tls}/",
            "/var/lib/menjin/": f"{behind.files}/",
            "/var/log/nginx/": f"{self.folder}/",
        }.items():
            assert old in part, old
            part = part.replace(old, new)
        for old, new in {
            "/tmp/": f"{self.folder}/",
            "error_log stderr notice;": f"error_log {self.folder}/error.log debug;",
            "include /etc/nginx/conf.d/*.conf;": f"proxy_bind {ADDRESS};\n"
            f"include {self.folder}/part.conf;",
            "worker_processes auto;": "daemon off; master_process off;",
            # Not everybody may open so many files.
            "worker_rlimit_nofile 16384;": "",
            "worker_connections 4096;": "worker_connections 1000;",
        }.items():
            assert old in main, old
            main = main.replace(old, new)
        (self.folder / "part.conf").write_text(part)
        (self.folder / "nginx.conf").write_text(main)

    def command(self, *options: str) -> list[str]:
        """Return the command that runs it."""
        folder = str(self.folder)
        configuration = str(self.folder / "nginx.conf")
        return [self._program, *options, "-e", "stderr", "-p", folder, "-c", configuration]

    def start(self) -> None:
        """Serve."""
        log = self.folder / "log"
        self._process = start(self.command(), {}, log=log, own_group=True)
        wait_listening(self._process, self.port, log)

    def stop(self) -> None:
        """End it."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            kill_group(self._process)

    def logs(self) -> dict[str, str]:
        """Return what every log says, by name."""
        names = ("log", "error.log", "access.log")
        return {name: (self.folder / name).read_text(errors="replace") for name in names}

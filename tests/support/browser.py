"""Chromium without a screen, driven by the WebDriver protocol (W3C) over loopback."""

import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
import httpx

# The package carries axe-core; nothing of it is used besides.
_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # key that the standard fixes
ENTER = "\ue007"
_ARGUMENTS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-dev-shm-usage"),
    # Nothing but this computer is ever asked for anything.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def chromedriver() -> str | None:
    """Return the driver's path; None where there is none."""
    return shutil.which("chromedriver")


class Browser:
    """One window. Its methods wait for the browser, none for longer than ten seconds."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client = client
        self._path = f"/session/{session}"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Make one call of the protocol."""
        sent = body if method == "POST" else None
        answer = self._client.request(method, self._path + path, json=sent).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{path}: {answer['error']}: {answer['message'].splitlines()[0]}")
        return answer

    def go(self, url: str) -> None:
        """Open a page."""
        self.ask("POST", "/url", url=url)

    def run(self, script: str) -> Any:
        """Run a script in the page; what it returns."""
        return self.ask("POST", "/execute/sync", script=script, args=[])

    def wait(self, condition: str) -> None:
        """Wait until a script's expression is true."""
        until_s = time.monotonic() + 10
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > until_s:
                raise TimeoutError(condition)
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Click on an element, which must be in view."""
        self.ask("POST", f"/element/{self._find(selector)}/click")

    def type(self, selector: str, text: str) -> None:
        """Type into an element."""
        self.ask("POST", f"/element/{self._find(selector)}/value", text=text)

    def press(self, text: str) -> None:
        """Type into whatever has the focus."""
        (focused,) = self.ask("GET", "/element/active").values()
        self.ask("POST", f"/element/{focused}/value", text=text)

    def text(self, selector: str) -> str:
        """Return what is to be read in an element."""
        return str(self.ask("GET", f"/element/{self._find(selector)}/text"))

    def complaints(self) -> list[str]:
        """Return what the browser complained about since the last time."""
        entries = self.ask("POST", "/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] in {"SEVERE", "WARNING"}]

    def prefer(self, scheme: str) -> None:
        """Prefer ``light`` or ``dark`` pages from now on."""
        wanted = {"name": "prefers-color-scheme", "value": scheme}
        self.ask(
            *("POST", "/goog/cdp/execute"),
            cmd="Emulation.setEmulatedMedia",
            params={"features": [wanted]},
        )

    def barriers(self, *, also_moderate: bool = False) -> list[str]:
        """Return what axe-core finds serious or critical on the page, with where it is."""
        impacts = {"serious", "critical", *(["moderate"] if also_moderate else [])}
        script = _AXE.read_text(encoding="utf-8")
        found = self.run(f"{script}; return axe.run(document, {{resultTypes: ['violations']}})")
        return [
            f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in impacts
            for node in one["nodes"]
        ]

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode(self.ask("GET", "/screenshot"))

    def _find(self, selector: str) -> str:
        found = self.ask("POST", "/element", using="css selector", value=selector)
        return str(found[_ELEMENT])


@contextmanager
def browsing(profile: Path, *, width: int, height: int, is_dark: bool) -> Iterator[Browser]:
    """Start a browser and end it.

    Args:
        profile: an empty folder for it.
        width, height: of its window, in pixels.
        is_dark: whether dark pages are preferred.
    """
    command = [chromedriver() or "chromedriver", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        try:
            url = f"http://127.0.0.1:{_port(driver)}"
            with (
                httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
                _session(client, profile, is_dark=is_dark) as browser,
            ):
                browser.ask(
                    *("POST", "/goog/cdp/execute"),
                    cmd="Emulation.setDeviceMetricsOverride",
                    params={
                        **{"width": width, "height": height},
                        **{"deviceScaleFactor": 1, "mobile": width < 600},
                    },
                )
                yield browser
        finally:
            driver.terminate()


@contextmanager
def _session(client: httpx.Client, profile: Path, *, is_dark: bool) -> Iterator[Browser]:
    """Open a window, and close it however the work in it ends: the driver leaves it running."""
    arguments = [*_ARGUMENTS, f"--user-data-dir={profile}"]
    arguments += ["--force-dark-mode"] if is_dark else []
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    made = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
    value = made.json()["value"]
    if "sessionId" not in value:
        raise RuntimeError(value.get("message", "no browser"))
    browser = Browser(client, value["sessionId"])
    try:
        yield browser
    finally:
        browser.ask("DELETE", "")


def _port(driver: "subprocess.Popen[str]") -> int:
    """Read on which port the driver listens."""
    if driver.stdout is None:
        raise RuntimeError("the driver says nothing")
    for line in driver.stdout:
        if "started successfully on port" in line:
            return int(line.rstrip().rstrip(".").rpartition(" ")[2])
    raise RuntimeError("the driver did not start")

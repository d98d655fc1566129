"""Relay with a network address, switched by HTTP requests."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from edge_agent.config import ConfigInvalid
from edge_agent.config.fields import RELAY_HOLD_MAX_MS, UNLOCK_DELAY_MIN_MS, between, secret
from edge_agent.drivers.base import Relay
from edge_agent.drivers.exceptions import DriverError, DriverTimeout, DriverUnavailable
from edge_agent.drivers.relay_timed import TimedRelay
from edge_agent.drivers.worker import DriverThread

_METHODS: Final = ("GET", "POST", "PUT")
_HOLD_WORDS: Final = ("{ms}", "{s}")


@dataclass(frozen=True, slots=True)
class HttpRelayOptions:
    """Options of the driver ``http``.

    Attributes:
        on_url: asked for to pull in. Let the relay release by itself as well, after 30 s at the
            latest, if it can: otherwise a door stays open when this computer or the network fails.
        off_url: asked for to release.
        pulse_url: instead of ``on_url``, for a relay that times its pulses itself; ``{ms}`` or
            ``{s}`` in it becomes the time. Then ``off_url`` is asked for at the start and the end
            only, and may be empty.
        method: GET, POST or PUT.
        username: empty for none.
        password: of that user.
        digest: whether the relay wants digest instead of basic authentication.
        timeout_s: limit for one request.
    """

    on_url: str = secret()
    off_url: str = secret()
    pulse_url: str = secret()
    method: str = "GET"
    username: str = ""
    password: str = secret()
    digest: bool = False
    timeout_s: Annotated[float, between(0.1, 10)] = 2.0

    def make(self) -> Relay:
        """Build the relay; nothing is asked for.

        Raises:
            ConfigInvalid: an address or the method is impossible; addresses are not quoted.
        """
        if self.method not in _METHODS:
            raise ConfigInvalid(f"relay.method: must be one of {', '.join(_METHODS)}")
        if not self.pulse_url:
            _check_url("on_url", self.on_url)
            _check_url("off_url", self.off_url)
            return HttpRelay(self)
        if self.on_url:
            raise ConfigInvalid("relay.on_url: must be empty where pulse_url is given")
        _check_url("pulse_url", self.pulse_url)
        if not any(word in self.pulse_url for word in _HOLD_WORDS):
            raise ConfigInvalid("relay.pulse_url: must hold {ms} or {s}, where the time belongs")
        if self.off_url:
            _check_url("off_url", self.off_url)
        return HttpPulseRelay(self)


def _check_url(key: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isascii() or not url.isprintable():
        raise ConfigInvalid(f"relay.{key}: must look like http://host/path")


class _Address:
    """HTTP client of the relay; its errors do not contain addresses."""

    def __init__(self, options: HttpRelayOptions) -> None:
        self._options = options
        parts = urlsplit(options.pulse_url or options.on_url)
        self.shown = f"the relay at {parts.hostname}" + (f":{parts.port}" if parts.port else "")
        self._httpx: Any = None
        self._http: Any = None

    async def open(self) -> None:
        import httpx  # only here, so that other relays do not need it

        given = self._options
        self._httpx = httpx
        auth: httpx.Auth | None = None
        if given.username:
            kind = httpx.DigestAuth if given.digest else httpx.BasicAuth
            auth = kind(given.username, given.password)
        thread = DriverThread("relay-http", timeout_s=5.0, device="this computer's certificates")
        try:
            tls = await thread.run(ssl.create_default_context)  # reads files
        finally:
            thread.end()
        # No proxy of the surroundings, no redirect: a relay answers itself. No connection that is
        # kept either: such boxes close them silently, and the next request would be lost.
        self._http = httpx.AsyncClient(
            auth=auth,
            timeout=given.timeout_s,
            trust_env=False,
            verify=tls,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def ask(self, url: str) -> None:
        """Ask for an address.

        Raises:
            DriverError: the answer is no success, or there is none.
        """
        httpx = self._httpx
        if self._http is None:
            raise DriverError(f"{self.shown} is not open")
        try:
            # httpx limits each step by itself; a visitor waits for all of them.
            async with asyncio.timeout(self._options.timeout_s):
                response = await self._http.request(self._options.method, url)
        except (httpx.TimeoutException, TimeoutError):
            # Errors of this library quote the address, which may hold a password.
            raise DriverTimeout(f"{self.shown} does not answer") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DriverError(f"{self.shown} cannot be reached ({type(error).__name__})") from None
        if not response.is_success:
            raise DriverError(f"{self.shown} answers HTTP {response.status_code}")

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()


class HttpRelay(TimedRelay):
    """`Relay` with two addresses, one for each state."""

    def __init__(self, options: HttpRelayOptions) -> None:
        super().__init__()
        self._options = options
        self._address = _Address(options)

    async def _attach(self) -> None:
        await self._address.open()
        try:
            await self._switch(energised=False)
        except BaseException as error:
            await self._address.close()
            if isinstance(error, DriverError):
                raise DriverUnavailable(str(error)) from error
            raise

    async def _switch(self, *, energised: bool) -> None:
        await self._address.ask(self._options.on_url if energised else self._options.off_url)

    async def _detach(self) -> None:
        await self._address.close()


class HttpPulseRelay:
    """`Relay` that receives the hold time and releases by itself."""

    def __init__(self, options: HttpRelayOptions) -> None:
        self._options = options
        self._address = _Address(options)
        self._is_open = False
        self._hold_until_s = 0.0

    async def open(self) -> None:
        """See `Relay.open`; without ``off_url`` nothing is asked for."""
        if self._is_open:
            return
        await self._address.open()
        try:
            await self._release()
        except BaseException as error:
            await self._address.close()
            if isinstance(error, DriverError):
                raise DriverUnavailable(str(error)) from error
            raise
        self._is_open = True

    async def pulse(self, hold_ms: int) -> None:
        """See `Relay.pulse`; a pulse that ends before the one that runs is not sent."""
        if not UNLOCK_DELAY_MIN_MS <= hold_ms <= RELAY_HOLD_MAX_MS:
            raise ValueError(f"a relay holds {UNLOCK_DELAY_MIN_MS} to {RELAY_HOLD_MAX_MS} ms")
        if not self._is_open:
            raise DriverError("the relay is not open")
        loop = asyncio.get_running_loop()
        until_s = loop.time() + hold_ms / 1000
        if until_s <= self._hold_until_s:
            return
        url = self._options.pulse_url.replace("{ms}", str(hold_ms))
        await self._address.ask(url.replace("{s}", f"{hold_ms / 1000:g}"))
        self._hold_until_s = until_s

    async def close(self) -> None:
        """See `Relay.close`."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            await self._release()
        finally:
            await self._address.close()

    async def _release(self) -> None:
        self._hold_until_s = 0.0
        if self._options.off_url:
            await self._address.ask(self._options.off_url)

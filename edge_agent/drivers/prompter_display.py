"""Prompts on a page that a screen beside the door shows in a browser."""

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any, Final

from edge_agent.config.fields import between
from edge_agent.drivers.base import Cue, Prompt
from edge_agent.drivers.exceptions import DriverUnavailable
from edge_agent.drivers.prompt_texts import Language, words

_ALIVE_S: Final = 15.0
_SHUTDOWN_S: Final = 0.1  # screens wait for words as long as they are let
_SCREENS_MOST: Final = 8
_PAGE: Final = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>Menjin</title>
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="/display.css"></head>
<body><p id="words" role="status" aria-live="assertive"></p>
<script src="/display.js"></script></body></html>
"""
_STYLE: Final = """html, body { margin: 0; height: 100%; }
body { display: flex; align-items: center; justify-content: center; text-align: center;
  background: #10151c; color: #fff; font-family: system-ui, "Noto Sans CJK SC", sans-serif;
  transition: background .2s; }
p { font-size: clamp(2rem, 9vw, 9rem); margin: 0 5vw; font-weight: 600; overflow-wrap: anywhere; }
[data-cue=welcome] { background: #14632f; }
[data-cue=refused], [data-cue=stranger], [data-cue=fever] { background: #8a1f17; }
[data-cue=mask_missing], [data-cue=look_here], [data-cue=try_later] { background: #8a5a00; }
[data-cue=wait] { background: #1f3f6b; }
"""
_SCRIPT: Final = """"use strict";
const words = document.getElementById("words");
const source = new EventSource("/events");
const show = (told) => { words.textContent = told.words; document.body.dataset.cue = told.cue; };
source.onmessage = (event) => show(JSON.parse(event.data));
source.onerror = () => show({ words: "", cue: "idle" });
"""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class DisplayPrompterOptions:
    """Options of the driver ``display``.

    Attributes:
        host: address to listen on; clients that reach it see what is shown at the door.
        port: of the page; 0 for any free one.
        language: of the words, ``en`` or ``zh``.
        names: whether people are called by name.
        forget_s: how long words stay; no name stays on a screen for ever.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, between(0, 65_535)] = 8898
    language: Language = Language.ENGLISH
    names: bool = False
    forget_s: Annotated[float, between(0.1, 60)] = 6.0

    def make(self) -> "DisplayPrompter":
        """Build the prompter; nothing listens yet."""
        return DisplayPrompter(self)


class DisplayPrompter:
    """`Prompter` that shows prompts on a web page."""

    is_soundless = True

    def __init__(self, options: DisplayPrompterOptions) -> None:
        self._options = options
        self._runner: Any = None
        self._shown = _NOTHING
        self._screens: set[asyncio.Queue[str]] = set()
        self._forgetting: asyncio.TimerHandle | None = None
        self.port = 0

    async def open(self) -> None:
        """See `Prompter.open`."""
        if self._runner is not None:
            return
        try:
            from aiohttp import web  # only here, so that other prompters do not need it
        except ImportError as error:
            raise DriverUnavailable(
                "the prompter driver display needs aiohttp (extra edge)"
            ) from error

        page = _PAGE.format(language=self._options.language)
        application = web.Application()
        application.router.add_get("/", self._file("text/html", page))
        application.router.add_get("/display.css", self._file("text/css", _STYLE))
        application.router.add_get("/display.js", self._file("text/javascript", _SCRIPT))
        application.router.add_get("/events", self._events)
        runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S
        )
        await runner.setup()
        site = web.TCPSite(runner, self._options.host, self._options.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            message = f"{self._options.host}:{self._options.port}"
            raise DriverUnavailable(f"the display page cannot listen on {message}") from error
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def prompt(self, prompt: Prompt) -> None:
        """See `Prompter.prompt`."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
        text = words(prompt, self._options.language, with_name=self._options.names)
        self._show(_message(text, prompt.cue))
        if text:
            loop = asyncio.get_running_loop()
            self._forgetting = loop.call_later(self._options.forget_s, self._show, _NOTHING)

    async def close(self) -> None:
        """See `Prompter.close`."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
        self._show(_NOTHING)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _show(self, message: str) -> None:
        self._shown = message
        for screen in self._screens:
            if screen.full():
                screen.get_nowait()  # only the newest counts
            screen.put_nowait(message)

    def _file(self, kind: str, text: str) -> Any:
        from aiohttp import web

        async def answer(_: Any) -> Any:
            return web.Response(text=text, content_type=kind, charset="utf-8", headers=_HEADERS)

        return answer

    async def _events(self, request: Any) -> Any:
        """Stream prompts to a screen (server-sent events)."""
        from aiohttp import web

        if len(self._screens) >= _SCREENS_MOST:
            return web.Response(status=503, text="too many screens\n", headers=_HEADERS)
        stream = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        screen: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
        screen.put_nowait(self._shown)
        self._screens.add(screen)
        try:
            await stream.prepare(request)
            while True:
                try:
                    async with asyncio.timeout(_ALIVE_S):
                        message = await screen.get()
                    await stream.write(f"data: {message}\n\n".encode())
                except TimeoutError:
                    await stream.write(b": alive\n\n")
        except ConnectionResetError:
            return stream  # the screen went away
        finally:
            self._screens.discard(screen)


def _message(text: str, cue: Cue) -> str:
    return json.dumps({"words": text, "cue": cue.value}, ensure_ascii=False)


_NOTHING: Final = _message("", Cue.IDLE)

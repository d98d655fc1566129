"""Checks of camera, relay, thermometer, card reader and prompter by opening each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_agent.doctor._context import CheckContext
from edge_agent.doctor.findings import Finding
from edge_agent.drivers import Cue, DriverError, Frame, Prompt
from edge_agent.service import AgentUnreachable
from edge_agent.service.own_api import call_own

_FIRST_PICTURE_S: Final = 10.0  # streams begin with a whole picture only every few seconds
_SETTLE_S: Final = 1.0  # cameras find the right exposure in the first pictures
_CLOSE_S: Final = 10.0  # a camera's thread gets five seconds from its driver
_READ_S: Final = 2.0  # the interface promises one second
_LOOKED_AT_PX: Final = 320
# Measured 2026-11-27 on the five portraits of the demonstration, at 320 px. Brightness: 64 to 115
# as they are, 19 to 34 in a third of the light, 6 to 11 in a tenth. Contrast: 59 and more as they
# are, below 2 for a covered lens with a sensor's noise. Sharpness: 0.058 and more as they are,
# 0.003 to 0.008 blurred by a two-hundredth of the longer side, 0.002 and less by a hundredth.
_DARK: Final = 15.0
_BRIGHT: Final = 235.0
_COVERED: Final = 4.0
_BLURRED: Final = 0.003


async def camera(context: CheckContext) -> Finding:
    """Check that the camera opens, gives a picture, and that the picture is usable."""
    name = context.config.camera.driver
    if context.is_running:
        return _in_use("camera", context, loop="door")
    try:
        async with _opened(context.config.camera.options.make()) as device:
            frame = await _picture(device, is_live=name != "folder")
    except DriverError as error:
        return Finding.failed("camera", str(error), "Check the section [camera], cable and power")
    except TimeoutError:
        text = f"it opened, and gave no picture within {_FIRST_PICTURE_S:.0f} s"
        return Finding.failed("camera", text, "Check what it sends with another program")
    if frame is None:
        text = "it has no picture"
        return Finding.failed("camera", text, "Check the section [camera]")
    context.frame = frame
    return _judged(name, frame.image)


async def relay(context: CheckContext) -> Finding:
    """Check that the relay opens; pulse it only when asked for."""
    if context.is_running:
        return await _remote_relay(context)
    hold_ms = context.config.unlock_delay_ms
    name = context.config.relay.driver
    try:
        async with _opened(context.config.relay.options.make()) as device:
            if context.opens_door:
                await device.pulse(hold_ms)
                await asyncio.sleep(hold_ms / 1000)
    except DriverError as error:
        advice = "Check the section [relay], cable, and that its user may use the device"
        return Finding.failed("relay", str(error), advice)
    moves = " (no door moves)" if name == "simulated" else ""
    if context.opens_door:
        return Finding.ok("relay", f"{name}{moves}: pulsed {hold_ms} ms and released")
    return Finding.ok("relay", f"{name}{moves}: released; --open-door would try it")


async def thermometer(context: CheckContext) -> Finding:
    """Check that the thermometer answers."""
    check, name = "thermometer", context.config.thermometer.driver
    if name == "none":
        return Finding.ok(check, "there is none")
    if context.is_running:
        return _in_use(check, context)
    frame = context.frame or Frame(np.zeros((48, 64, 3), dtype=np.uint8))
    advice = "Check the section [thermometer], cable, and that its user may use the device"
    try:
        async with _opened(context.config.thermometer.options.make()) as device:
            async with asyncio.timeout(_READ_S):
                reading = await device.read(frame)
    except DriverError as error:
        return Finding.failed(check, str(error), advice)
    except TimeoutError:
        return Finding.failed(check, f"{name}: no answer within {_READ_S:.0f} s", advice)
    if reading is None or not np.isfinite(reading.surface_c).any():
        return Finding.ok(check, f"{name}: answers, and sees nothing to be trusted just now")
    hottest_c = round(float(np.nanmax(reading.surface_c)), 1)
    return Finding.ok(check, f"{name}: answers, hottest spot {hottest_c} °C", hottest_c=hottest_c)


async def card_reader(context: CheckContext) -> Finding:
    """Check that the card reader opens."""
    return await _taken("card reader", "card_reader", context)


async def prompter(context: CheckContext) -> Finding:
    """Check that the prompter opens and accepts a cue."""
    return await _taken("prompter", "prompter", context)


async def _taken(check: str, section: str, context: CheckContext) -> Finding:
    chosen = getattr(context.config, section)
    if chosen.driver == "none":
        return Finding.ok(check, "there is none")
    if context.is_running:
        return _in_use(check, context)
    try:
        async with _opened(chosen.options.make()) as device:
            if section == "prompter":
                await device.prompt(Prompt(Cue.IDLE))
    except DriverError as error:
        advice = f"Check the section [{section}], cable, and that its user may use the device"
        return Finding.failed(check, str(error), advice)
    return Finding.ok(check, f"{chosen.driver}: ready")


@asynccontextmanager
async def _opened(device: Any) -> AsyncIterator[Any]:
    """Open a device and close it in any case.

    Raises:
        TimeoutError: it could not be let go of.
    """
    try:
        await device.open()
        yield device
    finally:
        async with asyncio.timeout(_CLOSE_S):
            await device.close()


async def _picture(device: Any, *, is_live: bool) -> Frame | None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_FIRST_PICTURE_S):
        frame: Frame | None = await device.next_frame()
    until_s = loop.time() + _SETTLE_S
    while is_live and frame is not None and loop.time() < until_s:
        try:
            async with asyncio.timeout_at(until_s):
                frame = await device.next_frame() or frame
        except TimeoutError:
            break
    return frame


def _judged(name: str, image: NDArray[np.uint8]) -> Finding:
    height, width = image.shape[:2]
    brightness, contrast, sharpness = _measured(image)
    summary = f"{name}: {width} × {height} pixels, brightness {brightness:.0f} of 255"
    facts = {
        "width": width,
        "height": height,
        "brightness": round(brightness, 1),
        "contrast": round(contrast, 1),
        "sharpness": round(sharpness, 4),
    }
    if contrast < _COVERED:
        text, advice = "shows nothing but one colour", "Is the lens covered? Is there any light?"
    elif brightness < _DARK:
        text, advice = "too dark for faces", "Put light in front of the people, not behind"
    elif brightness > _BRIGHT:
        text, advice = "far too bright", "Turn it away from the sun, or lower its exposure"
    elif sharpness < _BLURRED:
        text, advice = "blurred", "Clean and focus the lens, take the foil off"
    else:
        return Finding.ok("camera", f"{summary}, sharp", **facts)
    return Finding.warning("camera", f"{summary}, {text}", advice, **facts)


def _measured(image: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Return mean and standard deviation of grey, 0 to 255, and the variance of its Laplacian.

    The last one is relative to the variance of grey, at 320 px.
    """
    small = Image.fromarray(image).convert("L")
    small.thumbnail((_LOOKED_AT_PX, _LOOKED_AT_PX), Image.Resampling.BILINEAR)
    grey = np.asarray(small, dtype=np.float32)
    centre = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    sharpness = float(np.var(around - 4.0 * centre)) if centre.size else 0.0
    return float(grey.mean()), float(grey.std()), sharpness / max(float(grey.var()), 1.0)


def _in_use(check: str, context: CheckContext, *, loop: str = "") -> Finding:
    state = "" if context.live is None else context.live.loops.get(loop, "")
    if state == "degraded":
        text = f"in use by the running agent, whose {loop} keeps failing"
        return Finding.warning(check, text, "Look into its log")
    return Finding.skipped(check, "in use by the running agent")


async def _remote_relay(context: CheckContext) -> Finding:
    """Have the running agent pulse the relay, as a platform would (8.1.7)."""
    if not context.opens_door:
        return _in_use("relay", context)
    try:
        answer = await call_own(
            context.config, "open", clock=context.clock, parameters={"remark": "doctor"}
        )
    except AgentUnreachable as error:
        return Finding.failed("relay", str(error), "Stop the agent and ask again")
    if not answer.is_ok:
        text = f"the running agent would not open ({answer.code} {answer.desc})"
        return Finding.failed("relay", text, "Look into its log")
    return Finding.ok("relay", "pulsed by the running agent")

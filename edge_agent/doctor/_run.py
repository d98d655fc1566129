"""Order of the checks, and the time limit that holds for each."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.config import AgentConfig
from edge_agent.doctor import _data, _devices, _models, _network
from edge_agent.doctor._context import CheckContext
from edge_agent.doctor.findings import Finding, Result
from edge_agent.drivers import Clock, SystemClock
from edge_agent.service import is_held
from edge_agent.service.live_state import read_live_state
from face_engine import FaceEngine, load_engine

logger = logging.getLogger(__name__)

_CHECK_S: Final = 60.0  # reading a full database from a slow memory card

Check = Callable[[CheckContext], Awaitable[Finding]]
_CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("configuration", _data.configuration),
    ("password", _data.password),
    ("agent", _data.agent),
    ("data directory", _data.directory),
    ("database", _data.database),
    ("face models", _models.models),
    ("camera", _devices.camera),
    ("relay", _devices.relay),
    ("thermometer", _devices.thermometer),
    ("card reader", _devices.card_reader),
    ("prompter", _devices.prompter),
    ("network", _network.network),
    ("platform", _network.platform),
    ("clock", _network.clock),
    ("own interface", _network.own_ports),
    ("web page", _network.web_page),
)


@dataclass(frozen=True, slots=True)
class DoctorPlan:
    """How to examine.

    Attributes:
        config: of the terminal.
        path: of its file.
        opens_door: whether the relay may be pulsed; otherwise no door moves.
        clock: the computer's.
        load: gives the face models from a folder, None for the usual one.
        check_s: limit for one check.
    """

    config: AgentConfig
    path: Path
    opens_door: bool = False
    clock: Clock = SystemClock()  # noqa: RUF009 - holds nothing that changes
    load: Callable[[Path | None], FaceEngine] = load_engine
    check_s: float = _CHECK_S


async def run_checks(
    plan: DoctorPlan, report: Callable[[Finding], None]
) -> tuple[list[Finding], bool]:
    """Run all checks in order; nothing at the terminal changes but what its devices show.

    Args:
        plan: how.
        report: called with each finding as it is made.

    Returns:
        The findings, and whether something that hangs was left behind.
    """
    config = plan.config
    thread = ThreadPoolExecutor(1, thread_name_prefix="doctor")
    context = CheckContext(
        config=config,
        path=plan.path,
        is_running=is_held(config.data_dir),
        live=read_live_state(config.data_dir),
        opens_door=plan.opens_door,
        clock=plan.clock,
        load=plan.load,
        thread=thread,
    )
    findings: list[Finding] = []
    hangs = False
    for name, check in _CHECKS:
        try:
            async with asyncio.timeout(plan.check_s):
                finding = await check(context)
        except TimeoutError:
            hangs = True
            finding = _hung(name, plan.check_s)
            # What blocks the thread blocks it for good; the next checks get another one.
            thread.shutdown(wait=False)
            thread = context.thread = ThreadPoolExecutor(1, thread_name_prefix="doctor")
        except Exception as error:
            # The border of a check: one that fails keeps none of the others from being made.
            logger.exception("check_failed name=%s", name)
            text = f"the check itself failed ({type(error).__name__})"
            finding = Finding.failed(name, text, "Please report this with the log")
        findings.append(finding)
        report(finding)
    thread.shutdown(wait=False)
    return findings, hangs


def _hung(name: str, limit_s: float) -> Finding:
    text = f"no answer within {limit_s:g} s"
    return Finding(name, Result.FAILED, text, "Something hangs; switch it off and on again")

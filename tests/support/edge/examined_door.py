"""A door as the doctor finds it, and what its findings say."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_agent.config import AgentConfig, parse_config
from edge_agent.doctor import DoctorPlan, Finding, Result, run_checks
from tests.support.edge.fakes import FakeEngine
from tests.support.fake_platform import TOKEN, FakePlatform

PASSWORD = "door-7788-secret"


class Door:
    """A terminal to be examined; all is well with it until a test changes something."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder = folder
        self.path = folder / "agent.toml"
        self.path.touch(mode=0o600)
        self.base_url = base_url
        self.data_dir = folder / "data"
        self.data_dir.mkdir(mode=0o700)
        (folder / "visitors").mkdir()
        self.show(Image.effect_noise((320, 240), 60))
        self.api: dict[str, Any] = {"port": 0, "push_port": 0, "password": PASSWORD}
        self.sections: dict[str, Any] = {}
        self.more: dict[str, Any] = {}

    def show(self, picture: Image.Image) -> None:
        picture.convert("RGB").save(self.folder / "visitors" / "1.png")

    @property
    def config(self) -> AgentConfig:
        table = {
            "device_id": "0000001",
            "base_url": self.base_url,
            "data_dir": "data",
            "api": self.api,
            "page": {"port": 0},
            **self.sections,
        }
        return parse_config(table, base=self.folder)

    async def examined(self) -> dict[str, Finding]:
        reported: list[Finding] = []
        plan = DoctorPlan(
            **{
                "config": self.config,
                "path": self.path,
                "load": lambda _: FakeEngine(),
                **self.more,
            }
        )
        findings, _ = await run_checks(plan, reported.append)
        assert reported == findings
        assert TOKEN not in repr(findings)
        assert PASSWORD not in repr(findings)
        return {one.check: one for one in findings}


@pytest.fixture
def door(tmp_path: Path, platform: FakePlatform) -> Door:
    platform.enrol("1001", "Ann", None)
    return Door(tmp_path, platform.base_url)


def is_failed(finding: Finding, text: str) -> bool:
    return finding.result is Result.FAILED and text in finding.text and bool(finding.advice)


def is_warned(finding: Finding, text: str) -> bool:
    return finding.result is Result.WARNING and text in finding.text and bool(finding.advice)

"""What the drivers' tests share."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.drivers.base import Frame
from tests.support.tools import module

if TYPE_CHECKING:
    from tests.support.drivers.fake_i2c import FakeI2c


@pytest.fixture
def frame() -> Frame:
    """Return a picture that says nothing."""
    return Frame(np.zeros((8, 8, 3), dtype=np.uint8))


@pytest.fixture
def i2c(monkeypatch: pytest.MonkeyPatch) -> "FakeI2c":
    """Return a computer with the I²C bus 1 and nothing on it."""
    module("smbus2", extra="edge-i2c")
    from tests.support.drivers.fake_i2c import FakeI2c

    fake = FakeI2c(monkeypatch)
    fake.buses[1] = {}
    return fake

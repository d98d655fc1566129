"""Motion detection before the camera, so that an empty corridor costs no face detection."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_CELL_PX: Final = 16
_STEP_PX: Final = 4  # every fourth pixel of a cell is enough, and its mean still calms the noise
_NOISE_LEVELS: Final = 8.0  # cameras' noise, averaged over a cell, is below two of 256 levels
_LEAST_SHARE: Final = 0.004  # of all cells: at 640 × 480 five of 1200, a face of 36 px
# Of the difference, for each picture: quiet cells follow the daylight at once; a person passing by
# hardly counts; what has not changed for a while is background, be it put down or what was behind.
_LEARN_IDLE: Final = 0.1
_LEARN_MOVING: Final = 0.01
_LEARN_SETTLED: Final = 0.5
_SETTLED_S: Final = 1.5
_DETECT_AT_LEAST_EVERY_S: Final = 2.0  # a person who stands like a statue is seen all the same


class MotionGate:
    """Compare pictures with a background that is learned continuously.

    Light that is switched on or off, and daylight, move all cells together; their common part is
    taken out first. Something that is put down becomes background after a moment. Not for faces
    that stand still: while one is followed, looking goes on (see `edge_agent.door.tracking`).

    Attributes:
        looked: pictures for which it said yes; `passed`: for which it said no.
    """

    def __init__(self) -> None:
        self._background: NDArray[np.float32] | None = None
        # What each cell has looked like, within the noise, and since when.
        self._settled: NDArray[np.float32] | None = None
        self._settled_since_s: NDArray[np.float64] = np.zeros((0, 0))
        self._looked_at_s = 0.0
        self.looked = 0
        self.passed = 0

    def has_motion(self, image: NDArray[np.uint8], now_s: float) -> bool:
        """Process a picture and return whether faces should be detected in it.

        Args:
            image: (height, width, 3) uint8, RGB.
            now_s: monotonic clock.
        """
        moves = self._moves(image, now_s)
        if moves or now_s - self._looked_at_s >= _DETECT_AT_LEAST_EVERY_S:
            self._looked_at_s = now_s
            self.looked += 1
            return True
        self.passed += 1
        return False

    def _moves(self, image: NDArray[np.uint8], now_s: float) -> bool:
        cells = _cells(image)
        background = self._background
        if background is None or background.shape != cells.shape:
            self._background = self._settled = cells
            self._settled_since_s = np.full(cells.shape, now_s)
            return True
        change = cells - background
        moving = np.abs(change - np.median(change)) > _NOISE_LEVELS
        is_settled = self._settle(cells, now_s) >= _SETTLED_S
        learn = np.where(moving, np.float32(_LEARN_MOVING), np.float32(_LEARN_IDLE))
        learn = np.where(moving & is_settled, np.float32(_LEARN_SETTLED), learn)
        self._background = background + learn * change
        return bool(np.count_nonzero(moving) > _LEAST_SHARE * moving.size)

    def _settle(self, cells: NDArray[np.float32], now_s: float) -> NDArray[np.float64]:
        """Return the seconds for which each cell has been unchanged, apart from noise and light."""
        before = cells if self._settled is None else self._settled
        change = cells - before
        # Against what it looked like at first, not a moment ago: slow movement is movement.
        differs = np.abs(change - np.median(change)) > _NOISE_LEVELS
        self._settled = np.where(differs, cells, before)
        self._settled_since_s[differs] = now_s
        return now_s - self._settled_since_s


def _cells(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean green of each cell, (rows, columns) float32; a picture smaller than a cell is one."""
    green = image[::_STEP_PX, ::_STEP_PX, 1]
    side = _CELL_PX // _STEP_PX
    rows, columns = green.shape[0] // side, green.shape[1] // side
    if not rows or not columns:
        return np.full((1, 1), green.mean(), dtype=np.float32)
    whole = green[: rows * side, : columns * side].astype(np.float32)
    cells: NDArray[np.float32] = whole.reshape(rows, side, columns, side).mean(axis=(1, 3))
    return cells

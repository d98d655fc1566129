"""A video of people who walk up to a door one after the other, rendered from portraits."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

FPS = 12
WIDTH, HEIGHT = 640, 480
_FACE_PX = 330
_COMING, _STANDING, _NO_HOLDER = 2, 7, 3  # frames
SECONDS_EACH = (2 * _COMING + _STANDING + _NO_HOLDER) / FPS


def frames(portraits: Sequence[Path], *, seed: int = 1) -> Iterator[NDArray[np.uint8]]:
    """Yield (480, 640, 3) uint8 RGB: each portrait comes from the left, stands, and goes.

    Args:
        portraits: who comes, in this order.
        seed: of the noise of the camera and of how people sway.
    """
    rng = np.random.default_rng(seed)
    corridor = _corridor()
    for portrait in portraits:
        person = _scaled(portrait)
        height, width = person.shape[:2]
        middle = (WIDTH - width) // 2
        walk_in = np.linspace(-width, middle, _COMING, endpoint=False)
        sway = middle + np.cumsum(rng.integers(-2, 3, _STANDING))
        walk_out = np.linspace(middle, WIDTH, _COMING)
        for left in (*walk_in, *sway, *walk_out):
            yield _noisy(_pasted(corridor, person, int(left), HEIGHT - height), rng)
        for _ in range(_NO_HOLDER):
            yield _noisy(corridor, rng)


def render(path: Path, portraits: Sequence[Path], *, seed: int = 1) -> Path:
    """Write such a video as a file that plays at `FPS`; see `frames`."""
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"MJPG"), float(FPS), (WIDTH, HEIGHT)
    )
    assert writer.isOpened(), "this OpenCV cannot write MJPEG"
    for frame in frames(portraits, seed=seed):
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def _corridor() -> NDArray[np.uint8]:
    """A wall that grows darker towards the floor, with a door frame."""
    shade = np.linspace(190, 110, HEIGHT, dtype=np.float32)[:, None, None]
    picture = np.broadcast_to(shade, (HEIGHT, WIDTH, 3)).astype(np.uint8).copy()
    picture[40:, 60:70] = picture[40:, 570:580] = (90, 70, 60)
    return picture


def _scaled(portrait: Path) -> NDArray[np.uint8]:
    with Image.open(portrait) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((_FACE_PX, HEIGHT - 40), Image.Resampling.LANCZOS)
    if max(picture.size) < _FACE_PX:
        ratio = _FACE_PX / max(picture.size)
        picture = picture.resize((round(picture.width * ratio), round(picture.height * ratio)))
    return np.asarray(picture, dtype=np.uint8)


def _pasted(
    wall: NDArray[np.uint8], person: NDArray[np.uint8], left: int, top: int
) -> NDArray[np.uint8]:
    picture = wall.copy()
    begins, ends = max(left, 0), min(left + person.shape[1], WIDTH)
    if begins < ends:
        picture[top : top + person.shape[0], begins:ends] = person[:, begins - left : ends - left]
    return picture


def _noisy(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    noise = rng.integers(-3, 4, (HEIGHT, WIDTH, 1), dtype=np.int16)
    noisy: NDArray[np.uint8] = np.clip(picture.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    return noisy

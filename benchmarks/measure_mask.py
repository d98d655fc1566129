"""Accuracy of the mask heuristic, on bare faces and with masks drawn over them.

    python benchmarks/measure_mask.py [FOLDER OF PORTRAITS]

Bare faces are shown as they are, darker, blurred, noisy and small. Drawn masks are flat polygons
with folds and noise, no photographs of masks, so what it says of them is an upper bound.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from edge_agent.recognition.mask import Mask, judge_mask
from face_engine import DetectedFace, decode_image, install_models, install_portraits, load_engine

COLOURS = {
    "blue": (120, 170, 210),
    "white": (235, 235, 235),
    "black": (25, 25, 28),
    "green": (150, 200, 170),
}
Picture = NDArray[np.uint8]


def conditions(image: Picture) -> Iterator[tuple[str, Picture]]:
    """Yield a picture under several conditions."""
    rng = np.random.default_rng(1)
    yield "as it is", image
    yield "dark", (image * 0.45).astype(np.uint8)
    picture = Image.fromarray(image)
    small = picture.copy()
    small.thumbnail((240, 240))
    yield "small", np.asarray(small)
    yield "blurred", np.asarray(small.filter(ImageFilter.GaussianBlur(1.5)))
    noisy = image.astype(np.int16) + rng.integers(-15, 16, image.shape)
    yield "noisy", np.clip(noisy, 0, 255).astype(np.uint8)


def with_mask(image: Picture, face: DetectedFace, colour: tuple[int, int, int]) -> Picture:
    """Return a picture with a mask drawn over nose, mouth and chin."""
    picture = Image.fromarray(image.copy())
    points = face.landmarks
    left, top, width, height = face.box
    nose_x, nose_y = points[2]
    bridge_y = (points[:2, 1].mean() + nose_y) / 2
    outline = [
        (left, bridge_y + 0.05 * height),
        (nose_x, bridge_y),
        (left + width, bridge_y + 0.05 * height),
        (left + 0.95 * width, top + 0.85 * height),
        (left + 0.65 * width, top + 1.03 * height),
        (left + 0.35 * width, top + 1.03 * height),
        (left + 0.05 * width, top + 0.85 * height),
    ]
    drawing = ImageDraw.Draw(picture)
    drawing.polygon(outline, fill=colour)
    for fold in (0.55, 0.68, 0.8):
        y = top + fold * height
        darker = tuple(max(0, one - 18) for one in colour)
        drawing.line(
            [(left + 0.1 * width, y), (left + 0.9 * width, y)],
            fill=darker,
            width=max(1, int(height / 60)),
        )
    noise = np.random.default_rng(2).integers(-6, 7, image.shape)
    masked: NDArray[np.uint8] = np.clip(np.asarray(picture, dtype=np.int16) + noise, 0, 255).astype(
        np.uint8
    )
    return masked


def main() -> None:
    """Measure and print."""
    install_models()
    engine = load_engine()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    files = sorted(folder.rglob("*.jp*g")) if folder else sorted(install_portraits().values())
    faces = []
    for path in files:
        image = decode_image(path.read_bytes())
        found = engine.detect(image, size=320)
        if found:
            faces.append((image, found[0]))
    print(f"{len(faces)} faces; shares in per cent")
    print(f"{'':24}{'bare':>8}{'unknown':>9}{'worn':>7}")
    verdicts: dict[str, Counter[Mask]] = {}
    for image, face in faces:
        for words, picture in conditions(image):
            seen = engine.detect(picture, size=320)
            if seen:
                counts = verdicts.setdefault(f"bare face, {words}", Counter())
                counts[judge_mask(picture, seen[0])] += 1
        column, row = face.landmarks[[0, 3]].mean(0).astype(int)
        red, green, blue = (int(one) for one in image[row, column])
        skin = (red, green, blue)
        for name, colour in {**COLOURS, "colour of skin": skin}.items():
            picture = with_mask(image, face, colour)
            seen = engine.detect(picture, size=320)
            if seen:
                verdicts.setdefault(f"mask, {name}", Counter())[judge_mask(picture, seen[0])] += 1
    for words, counts in verdicts.items():
        shares = [
            100 * counts[one] / counts.total() for one in (Mask.BARE, Mask.UNKNOWN, Mask.WORN)
        ]
        print(f"{words:24}{shares[0]:8.0f}{shares[1]:9.0f}{shares[2]:7.0f}   of {counts.total()}")


if __name__ == "__main__":
    main()

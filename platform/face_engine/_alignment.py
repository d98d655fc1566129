"""Alignment: the upright chip of a face that a descriptor network reads."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_engine.base import RgbImage

# Pixels around the warped area, so that interpolation sees real neighbours.
_BORDER_PX = 2


def similarity_transform(
    source: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The similarity (turn, uniform scale, shift) that brings points onto others best.

    Args:
        source, target: (n, 2); best means the least sum of squared distances.

    Returns:
        (2, 3) float64, to be applied to (x, y, 1); never a reflection.

    Source: S. Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", IEEE TPAMI 13 (1991); in the plane its solution is the closed form used here.
    """
    origin, goal = source.astype(np.float64), target.astype(np.float64)
    origin_mean, goal_mean = origin.mean(axis=0), goal.mean(axis=0)
    x, y = (origin - origin_mean).T
    u, v = (goal - goal_mean).T
    spread = float(x @ x + y @ y)
    if spread <= 0.0:
        raise ValueError("all points coincide")
    a, b = float(x @ u + y @ v) / spread, float(x @ v - y @ u) / spread
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, goal_mean - turn @ origin_mean])


def roll_deg(landmarks: NDArray[np.float32]) -> float:
    """How far the eyes are off the level, in degrees; positive: clockwise in the picture."""
    across = landmarks[1] - landmarks[0]
    return math.degrees(math.atan2(float(across[1]), float(across[0])))


def align_face(
    image: RgbImage, landmarks: NDArray[np.float32], template: NDArray[np.float32], chip_px: int
) -> RgbImage:
    """Cut the chip out of a picture.

    Args:
        image: the picture.
        landmarks: (5, 2), pixels of the picture; whole numbers are centres of pixels.
        template: (5, 2), where they shall lie in the chip.
        chip_px: side of the chip.

    Returns:
        (chip_px, chip_px, 3) uint8 RGB; black where the chip reaches beyond the picture.
    """
    return cut_aligned(image, landmarks, template, chip_px)[0]


def cut_aligned(
    image: RgbImage, landmarks: NDArray[np.float32], template: NDArray[np.float32], chip_px: int
) -> tuple[RgbImage, NDArray[np.float64]]:
    """`align_face`, and the way back.

    Returns:
        The chip, and (2, 3) float64 that brings (x, y, 1) of the chip into the picture.
    """
    to_picture = _inverse(similarity_transform(landmarks, template))
    shrink = math.hypot(to_picture[0, 0], to_picture[1, 0])
    left, top, patch = _patch(image, to_picture, chip_px)
    if patch is None:
        return np.zeros((chip_px, chip_px, 3), dtype=np.uint8), to_picture
    factor = max(1, int(shrink))
    # A warp reads four pixels for each of its own; where it shrinks by two or more it would skip
    # some, and the same face would look different in a large and in a small picture.
    reduced = patch.reduce(factor) if factor > 1 else patch
    # Chip to patch, both counted from the corners of pixels, as Pillow does.
    turn = to_picture[:, :2]
    shift = to_picture[:, 2] - (left, top) + 0.5 - turn @ (0.5, 0.5)
    matrix = np.column_stack([turn, shift]) / factor
    chip = reduced.transform(
        (chip_px, chip_px),
        Image.Transform.AFFINE,
        tuple(float(value) for value in matrix.ravel()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(chip), to_picture


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = np.linalg.inv(matrix[:, :2])
    return np.column_stack([turn, -turn @ matrix[:, 2]])


def _patch(
    image: RgbImage, to_picture: NDArray[np.float64], chip_px: int
) -> tuple[int, int, Image.Image | None]:
    """The part of the picture the chip is made of, so that no more is converted for Pillow."""
    edge = float(chip_px - 1)
    corners = np.array([[0.0, edge, 0.0, edge], [0.0, 0.0, edge, edge], [1.0] * 4])
    reached = to_picture @ corners
    height, width = image.shape[:2]
    left, top = (max(0, math.floor(value) - _BORDER_PX) for value in reached.min(axis=1))
    right, bottom = (math.ceil(value) + _BORDER_PX + 1 for value in reached.max(axis=1))
    right, bottom = min(width, right), min(height, bottom)
    if right <= left or bottom <= top:
        return left, top, None
    return left, top, Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))

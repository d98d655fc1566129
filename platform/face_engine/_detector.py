"""Face detector YuNet."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_engine._alignment import cut_aligned, roll_deg
from face_engine._manifest import DetectorTraits, GraphInput
from face_engine.base import DetectedFace, InferenceSession, RgbImage

# A picture smaller than the asked size is not blown up beyond this: there is nothing to gain.
_MAX_ENLARGEMENT = 2.0
# Second try for pictures that are nothing but a face, as terminals send them: width of the margin
# laid around the picture, as a part of its sides.
_RETRY_MARGIN = 0.5
# Faces whose landmarks get a close look; it costs about a millisecond each, and in a crowd nobody
# asks for the ninth.
CLOSE_UPS_MOST = 8
# The network sees a tilted head less tilted than it is. So the close-up is taken again, turned by
# what was seen, until the head stands upright in it, or often enough for 45 degrees.
_MAX_TURNS = 5
_UPRIGHT_DEG = 1.5
# Cells whose boxes overlap this much speak of the same face.
_SAME_FACE_IOU = 0.5


class YunetDetector:
    """Run the network and decode its output.

    Source of the formulas: seed of the project, DESIGN, "Faces"; they are those of OpenCV's
    FaceDetectorYN.
    """

    def __init__(
        self,
        session: InferenceSession,
        traits: DetectorTraits,
        graph_input: GraphInput,
        *,
        close_ups_most: int = CLOSE_UPS_MOST,
    ) -> None:
        """Hold a session.

        Args:
            session: runs the network.
            traits: numbers of the network.
            graph_input: what it reads.
            close_ups_most: faces of a picture whose landmarks get a close look; 0 for comparisons.
        """
        self._session = session
        self._traits = traits
        self._input = graph_input
        self._close_ups_most = close_ups_most

    def detect(self, image: RgbImage, size: int) -> list[DetectedFace]:
        """Find faces, the main one first; repeat with margins when there is none."""
        height, width = image.shape[:2]
        faces = self._detect_in_window(image, size, (0, 0, width, height))
        if not faces:
            left, top = round(width * _RETRY_MARGIN), round(height * _RETRY_MARGIN)
            faces = self._detect_in_window(
                image, size, (-left, -top, width + 2 * left, height + 2 * top)
            )
        close = [self._refine_landmarks(image, face) for face in faces[: self._close_ups_most]]
        return close + faces[self._close_ups_most :]

    def _refine_landmarks(self, image: RgbImage, face: DetectedFace) -> DetectedFace:
        """The same face with landmarks from an upright close-up; docs/faces.md, "Detection"."""
        side = self._traits.close_up_px
        current = face
        for _ in range(_MAX_TURNS):
            close_up, to_picture = cut_aligned(
                image, current.landmarks, self._traits.close_up_template, side
            )
            seen = self._detect_in_window(close_up, side, (0, 0, side, side))
            if not seen:
                break
            central = min(seen, key=lambda found: _distance_from(found.box, side / 2))
            points = central.landmarks @ to_picture[:, :2].T + to_picture[:, 2]
            if not _is_inside(points.mean(axis=0), face.box):
                break
            current = replace(current, landmarks=points.astype(np.float32))
            if abs(roll_deg(central.landmarks)) < _UPRIGHT_DEG:
                break
        return current

    def _detect_in_window(
        self, image: RgbImage, size: int, window: tuple[int, int, int, int]
    ) -> list[DetectedFace]:
        """Detect within a window (left, top, width, height) that may exceed the picture."""
        left, top, width, height = window
        scale = min(size / max(width, height), _MAX_ENLARGEMENT)
        rows, columns = (self._on_grid(round(side * scale)) for side in (height, width))
        canvas = np.zeros((rows, columns, 3), dtype=np.uint8)
        x, y = round(-left * scale), round(-top * scale)
        small = _resized(image, scale)
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small[: rows - y, : columns - x]
        colours = canvas[:, :, ::-1] if self._input.colour == "BGR" else canvas
        blob = np.ascontiguousarray(colours.transpose(2, 0, 1)[None], dtype=np.float32)
        if (self._input.mean, self._input.scale) != (0.0, 1.0):
            blob = (blob - self._input.mean) * self._input.scale
        boxes, scores, points = self._read(
            self._session.run(None, {self._input.name: blob}), rows, columns
        )
        ratio = (small.shape[1] / image.shape[1], small.shape[0] / image.shape[0])
        return _in_picture(boxes, scores, points, (x, y), ratio)

    def _on_grid(self, side: int) -> int:
        """Return the least side, not below this one, that the network accepts."""
        grid = self._traits.multiple
        return max(1, -(-side // grid)) * grid

    def _read(
        self, answers: list[NDArray[np.float32]], rows: int, columns: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (n, 4: left, top, right, bottom), scores (n,), points (n, 5, 2) on the canvas."""
        levels = len(self._traits.strides)
        boxes, scores, points = [], [], []
        for level, stride in enumerate(self._traits.strides):
            classes, objects, offsets, marks = (
                answers[kind * levels + level][0] for kind in range(4)
            )
            squared = classes[:, 0] * objects[:, 0]
            kept = np.flatnonzero(squared >= self._traits.score_threshold**2)
            if kept.size == 0:
                continue
            cells = np.stack([kept % (columns // stride), kept // (columns // stride)], axis=1)
            centres = (cells + offsets[kept, :2]) * stride
            halves = np.exp(offsets[kept, 2:]) * (stride / 2)
            boxes.append(np.concatenate([centres - halves, centres + halves], axis=1))
            points.append((cells[:, None, :] + marks[kept].reshape(-1, 5, 2)) * stride)
            scores.append(np.sqrt(squared[kept]))
        if not boxes:
            nothing = np.empty((0, 5, 2), dtype=np.float32)
            return nothing[:, :2].reshape(0, 4), nothing[:, 0, 0], nothing
        box, score, point = np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)
        chosen = non_maximum_suppression(box, score, self._traits.nms_iou)
        weights = np.stack([_same_face(box, score, best) for best in chosen])
        return weights @ box, score[chosen], np.tensordot(weights, point, axes=1)


def non_maximum_suppression(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], iou: float
) -> list[int]:
    """Of boxes that overlap more than `iou`, keep the one with the best score.

    Args:
        boxes: (n, 4), left, top, right, bottom.
        scores: (n,).
        iou: intersection over union, 0..1.

    Returns:
        Positions of the kept boxes, best score first; equal scores in their order.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        order = order[_overlaps(boxes[best], boxes[order]) <= iou]
    return kept


def _overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box (4,) with others (n, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    united = np.prod(box[2:] - box[:2]) + areas - shared
    ratio: NDArray[np.float32] = shared / np.maximum(united, np.float32(1e-9))
    return ratio


def _same_face(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], best: int
) -> NDArray[np.float32]:
    """Return weights (n,) with sum 1 of the cells that belong to the same face as the best one.

    A face is found by a dozen cells at once, each a little off. Their mean, weighted by score,
    trembles less than the best one alone, and the descriptor with it; measured effect in
    docs/faces.md, "Detection". The idea is the blending of BlazeFace (Bazarevsky et al., 2019).
    """
    weights = np.where(_overlaps(boxes[best], boxes) >= _SAME_FACE_IOU, scores, 0.0)
    shares: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return shares


def _resized(image: RgbImage, scale: float) -> RgbImage:
    height, width = image.shape[:2]
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    if target == (width, height):
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize(target, Image.Resampling.BILINEAR, reducing_gap=1.0))


def _in_picture(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    points: NDArray[np.float32],
    origin: tuple[int, int],
    ratio: tuple[float, float],
) -> list[DetectedFace]:
    """Canvas to picture, and the main face first."""
    faces = []
    for box, score, marks in zip(boxes, scores, points, strict=True):
        left, top = (box[:2] - origin) / ratio
        right, bottom = (box[2:] - origin) / ratio
        faces.append(
            DetectedFace(
                box=(float(left), float(top), float(right - left), float(bottom - top)),
                score=float(score),
                landmarks=((marks - origin) / ratio).astype(np.float32),
            )
        )
    faces.sort(key=lambda face: -face.box[2] * face.box[3] * face.score)
    return faces


def _distance_from(box: tuple[float, float, float, float], centre: float) -> float:
    left, top, width, height = box
    return math.hypot(left + width / 2 - centre, top + height / 2 - centre)


def _is_inside(point: NDArray[np.float64], box: tuple[float, float, float, float]) -> bool:
    left, top, width, height = box
    return bool(left <= point[0] <= left + width and top <= point[1] <= top + height)

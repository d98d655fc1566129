"""YuNet: from a picture to faces."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_engine._manifest import DetectorTraits, GraphInput
from face_engine.base import DetectedFace, InferenceSession, RgbImage

# A picture smaller than the asked size is not blown up beyond this: there is nothing to gain.
_MAX_ENLARGEMENT = 2.0
# Second try for pictures that are nothing but a face, as terminals send them: width of the margin
# laid around the picture, as a part of its sides.
_RETRY_MARGIN = 0.5


class YunetDetector:
    """Runs the network and reads its answers.

    Source of the formulas: seed of the project, DESIGN, "Faces"; they are those of OpenCV's
    FaceDetectorYN.
    """

    def __init__(
        self, session: InferenceSession, traits: DetectorTraits, graph_input: GraphInput
    ) -> None:
        self._session = session
        self._traits = traits
        self._input = graph_input

    def detect(self, image: RgbImage, size: int) -> list[DetectedFace]:
        """Find faces, the main one first; a second look with margins when there is none."""
        height, width = image.shape[:2]
        faces = self._look(image, size, (0, 0, width, height))
        if not faces:
            left, top = round(width * _RETRY_MARGIN), round(height * _RETRY_MARGIN)
            faces = self._look(image, size, (-left, -top, width + 2 * left, height + 2 * top))
        return faces

    def _look(
        self, image: RgbImage, size: int, window: tuple[int, int, int, int]
    ) -> list[DetectedFace]:
        """Look through a window (left, top, width, height) that may be larger than the picture."""
        left, top, width, height = window
        scale = min(size / max(width, height), _MAX_ENLARGEMENT)
        grid = self._traits.multiple
        columns = max(grid, math.ceil(width * scale / grid) * grid)
        rows = max(grid, math.ceil(height * scale / grid) * grid)
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
            score = np.sqrt(np.clip(classes[:, 0], 0.0, 1.0) * np.clip(objects[:, 0], 0.0, 1.0))
            kept = np.flatnonzero(score >= self._traits.score_threshold)
            if kept.size == 0:
                continue
            cells = np.stack([kept % (columns // stride), kept // (columns // stride)], axis=1)
            centres = (cells + offsets[kept, :2]) * stride
            halves = np.exp(offsets[kept, 2:]) * (stride / 2)
            boxes.append(np.concatenate([centres - halves, centres + halves], axis=1))
            points.append((cells[:, None, :] + marks[kept].reshape(-1, 5, 2)) * stride)
            scores.append(score[kept])
        if not boxes:
            nothing = np.empty((0, 5, 2), dtype=np.float32)
            return nothing[:, :2].reshape(0, 4), nothing[:, 0, 0], nothing
        box, score, point = np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)
        chosen = non_maximum_suppression(box, score, self._traits.nms_iou)
        return box[chosen], score[chosen], point[chosen]


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
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.clip(high - low, 0.0, None), axis=1)
        order = order[shared <= iou * (areas[best] + areas[order] - shared)]
    return kept


def _resized(image: RgbImage, scale: float) -> RgbImage:
    height, width = image.shape[:2]
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    if target == (width, height):
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize(target, Image.Resampling.BILINEAR, reducing_gap=2.0))


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

"""Snapshot of a visit: face, whole picture, or both (8.1.4, imgType)."""

import io
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from edge_agent.recognition.face_settings import FaceSettings, SnapshotKind
from face_engine import DetectedFace, RgbImage, normalise_photo

# "At most 700 K in base64" (seed 9.2): three quarters of that as bytes, with some room.
_MOST_BYTES: Final = 500 * 1024
_WHOLE_PX: Final = 1280
_QUALITIES: Final = (88, 75, 60, 45)
_FRAME_COLOUR: Final = (0, 255, 0)


def snapshot(image: RgbImage, face: DetectedFace, how: FaceSettings) -> bytes:
    """Write the picture of a visit.

    Args:
        image: what the camera saw.
        face: the main face in it.
        how: which picture is wanted.

    Returns:
        JPEG without metadata, at most 500 KB. "Both" is one picture, because the wire carries one:
        the whole with the face to its right.
    """
    if how.kind is SnapshotKind.FACE:
        return _face_picture(image, face, how.face_max_px)
    whole = _whole_picture(image, face, how)
    if how.kind is SnapshotKind.BOTH:
        with Image.open(io.BytesIO(_face_picture(image, face, how.face_max_px))) as cut:
            both = Image.new(
                "RGB", (whole.width + cut.width, max(whole.height, cut.height)), "white"
            )
            both.paste(whole, (0, 0))
            both.paste(cut, (whole.width, 0))
        whole = both
    return _small_jpeg(whole)


def _face_picture(image: RgbImage, face: DetectedFace, most_px: int) -> bytes:
    raw = normalise_photo(image, face)
    with Image.open(io.BytesIO(raw)) as cut:
        if max(cut.size) <= most_px:
            return raw
        return _small_jpeg(cut.resize((most_px, most_px), Image.Resampling.LANCZOS))


def _whole_picture(image: RgbImage, face: DetectedFace, how: FaceSettings) -> Image.Image:
    whole = Image.fromarray(np.ascontiguousarray(image))
    if how.draws_frame:
        left, top, width, height = face.box
        line_px = max(2, max(whole.size) // 300)
        drawing = ImageDraw.Draw(whole)
        drawing.rectangle(
            (left, top, left + width, top + height), outline=_FRAME_COLOUR, width=line_px
        )
    whole.thumbnail((_WHOLE_PX, _WHOLE_PX), Image.Resampling.LANCZOS)
    return whole


def _small_jpeg(picture: Image.Image) -> bytes:
    while True:
        for quality in _QUALITIES:
            sink = io.BytesIO()
            picture.save(sink, format="JPEG", quality=quality)
            if len(sink.getvalue()) <= _MOST_BYTES:
                return sink.getvalue()
        picture = picture.resize((picture.width // 2, picture.height // 2))

"""The picture of a visit fits the wire, whatever the camera sees."""

import numpy as np
import pytest

from edge_agent.recognition.face_settings import FaceSettings, SnapshotKind
from edge_agent.recognition.snapshots import snapshot
from face_engine import DetectedFace, decode_image

FACE = DetectedFace((900.0, 500.0, 300.0, 300.0), 0.9, np.zeros((5, 2), dtype=np.float32))
NOISE = np.random.default_rng(1).integers(0, 256, (1440, 2560, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", list(SnapshotKind))
def test_noise_of_a_large_camera_stays_below_700_k_of_base64(kind: SnapshotKind) -> None:
    """Seed 9.2, img; noise is the worst that can be compressed."""
    picture = snapshot(NOISE, FACE, FaceSettings(kind=kind))

    assert len(picture) * 4 / 3 <= 700 * 1024
    assert picture.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("most_px", [300, 400, 500])
def test_face_has_at_most_as_many_pixels_as_were_set(most_px: int) -> None:
    picture = decode_image(snapshot(NOISE, FACE, FaceSettings(face_max_px=most_px)))

    assert max(picture.shape[:2]) == most_px


def test_camera_picture_is_not_drawn_into() -> None:
    before = NOISE.copy()

    snapshot(NOISE, FACE, FaceSettings(kind=SnapshotKind.WHOLE, draws_frame=True))

    assert np.array_equal(before, NOISE)

"""The 300 pairs of the evaluation photos."""

import csv
from pathlib import Path

import pytest

from face_engine import FaceEngine, assess, decode_image
from face_engine.base import RgbImage

pytestmark = pytest.mark.shared_photos


@pytest.fixture(scope="module")
def photos(photos_dir: Path) -> dict[str, RgbImage]:
    return {
        path.name: decode_image(path.read_bytes())
        for path in sorted((photos_dir / "pairs").glob("*.jpg"))
    }


def test_pairs_of_one_person_and_of_two_are_separated_completely(
    engine: FaceEngine, photos: dict[str, RgbImage], photos_dir: Path
) -> None:
    rows = {name: engine.largest_descriptor(image) for name, image in photos.items()}
    genuine, impostor = [], []
    with (photos_dir / "pairs.csv").open(newline="") as table:
        for pair in csv.DictReader(table):
            first, second = rows[pair["file_x"]], rows[pair["file_y"]]
            assert first is not None
            assert second is not None
            (genuine if pair["same"] == "yes" else impostor).append(float(first @ second))

    assert (len(genuine), len(impostor)) == (38, 262)
    # Measured: 0.573 and 0.350. The planning figures of the design are 0.511 and 0.351.
    assert min(genuine) >= 0.55
    assert max(impostor) <= 0.37
    assert max(impostor) < engine.threshold < min(genuine)


def test_one_good_face_is_found_on_each(engine: FaceEngine, photos: dict[str, RgbImage]) -> None:
    reports = {name: assess(image, engine.detect(image)) for name, image in photos.items()}

    assert {name: report.problems for name, report in reports.items() if report.problems} == {}
    assert {report.face_count for report in reports.values()} == {1}

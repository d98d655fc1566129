"""Who in one picture is who in the last."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.door.tracks import LOST_AFTER_S, TRACKS_MOST, Shot, Tracker
from face_engine import DetectedFace

IMAGE = np.zeros((8, 8, 3), dtype=np.uint8)


def shot(left: float, *, size: float = 100, quality: float = 0.5, at_s: float = 0.0) -> Shot:
    box = (left, 50.0, size, size)
    return Shot(IMAGE, DetectedFace(box, 0.9, np.zeros((5, 2), np.float32)), quality, at_s)


def test_somebody_who_moves_a_little_is_the_same() -> None:
    tracker = Tracker()

    numbers = [
        tracker.follow([shot(60 * step, at_s=0.1 * step)], 0.1 * step)[0].number
        for step in range(5)
    ]

    assert numbers == [1] * 5


def test_somebody_elsewhere_or_of_another_size_is_somebody_else() -> None:
    tracker = Tracker()
    tracker.follow([shot(0)], 0.0)

    assert tracker.follow([shot(300, at_s=0.1)], 0.1)[0].number == 2
    assert tracker.follow([shot(300, size=40, at_s=0.2)], 0.2)[0].number == 3


def test_two_people_who_stand_side_by_side_stay_two_and_the_nearer_comes_first() -> None:
    tracker = Tracker()
    for step in range(10):
        now = step * 0.1
        seen = tracker.follow(
            [shot(300 + step, size=80, at_s=now), shot(100 - step, size=120, at_s=now)], now
        )
        assert [track.face.size_px for track in seen] == [120, 80]
        assert [track.number for track in seen] == [1, 2]


def test_the_best_picture_is_kept() -> None:
    tracker = Tracker()
    for now, quality in enumerate((0.2, 0.9, 0.4)):
        (track,) = tracker.follow([shot(0, quality=quality, at_s=now / 10)], now / 10)

    assert (track.best.quality, track.face) != (0.4, track.best.face)
    assert track.best.quality == 0.9


def test_who_is_gone_for_a_while_is_let_go() -> None:
    tracker = Tracker()
    tracker.follow([shot(0)], 0.0)

    assert tracker.forget(LOST_AFTER_S) == []
    assert [track.number for track in tracker.forget(LOST_AFTER_S + 0.1)] == [1]
    assert tracker.tracks == []


@given(
    st.lists(st.lists(st.tuples(st.floats(0, 2000), st.floats(5, 400)), max_size=15), max_size=30)
)
def test_nothing_grows_and_nobody_is_two(pictures: list[list[tuple[float, float]]]) -> None:
    tracker = Tracker()
    for number, faces in enumerate(pictures):
        now = number * 0.05
        seen = tracker.follow([shot(left, size=size, at_s=now) for left, size in faces], now)
        assert len({track.number for track in seen}) == len(seen) <= len(faces)
        assert len(tracker.tracks) <= TRACKS_MOST
        assert all(len(track.points) <= 30 for track in tracker.tracks)

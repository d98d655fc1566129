"""What pictures cost is known before they are decoded, and all of a process share one budget."""

import io
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from face_engine import (
    ImageTooHeavy,
    ImageUnreadable,
    PictureBudget,
    PicturesBusy,
    WaitLimits,
    decode_image,
)
from tests.support.heavy_pictures import heavy_bmp, heavy_picture, heavy_png
from tests.support.patience import AT_ONCE, MB, SOON
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(lambda: heavy_png(7000), id="49 Mpx"),
        pytest.param(lambda: heavy_png(7000, "RGBA"), id="transparent"),
        pytest.param(lambda: heavy_png(7000, bits=16), id="16 bits"),
        pytest.param(lambda: heavy_png(7000, "grey", bits=16), id="16 bits, grey"),
        pytest.param(lambda: heavy_bmp(5000), id="run lengths"),
        pytest.param(lambda: heavy_picture("WEBP", 3000, method=0), id="WebP"),
        pytest.param(lambda: heavy_picture("JPEG", 6000, progressive=True), id="progressive"),
    ],
)
def test_a_heavy_picture_is_refused_before_it_is_decoded(
    raw: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = raw()
    assert len(file) < 500_000

    def unpacked(*_: object) -> None:
        raise AssertionError("it must not be decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", unpacked)

    with pytest.raises(ImageTooHeavy) as caught:
        decode_image(file, max_decoded_bytes=64 * MB)

    assert caught.value.code == "too_large"


def test_a_phone_photo_of_50_million_pixels_costs_little() -> None:
    """Reduced while it is decoded: a terminal may send it as well."""
    raw = heavy_picture("JPEG", 7000)

    assert decode_image(raw, max_decoded_bytes=36 * MB).shape == (1750, 1750, 3)


_SCALES = """
import os, struct, sys, threading
from face_engine import FaceEngineError, WaitLimits, PictureBudget, decode_image

def memory(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

class Weighed:
    weight = 0
    def take(self, weight):
        Weighed.weight = max(self.weight, weight)
        self.hold.take(weight)

def look(raw, budget, ends):
    weighed = Weighed()
    with budget.hold(WaitLimits(60)) as weighed.hold:
        try:
            decode_image(raw, hold=weighed)
        except FaceEngineError as error:
            ends.append(error.code)
        else:
            ends.append("decoded")

def weigh(raw, warm, count, total):
    budget, ends = PictureBudget(total), []
    look(warm, budget, [])
    # The worst moment is of what follows.
    with open("/proc/self/clear_refs", "w") as peak: peak.write("5")
    before = memory("VmRSS")
    with budget.hold(WaitLimits(0)) as usual:
        # While anything is decoded, the budget does not sweep up.
        if count > 1: usual.take(1)
        threads = [threading.Thread(target=look, args=(raw, budget, ends)) for _ in range(count)]
        for one in threads: one.start()
        for one in threads: one.join()
        after = memory("VmRSS")
    print(before, memory("VmHWM"), after, Weighed.weight, *ends, flush=True)

while head := sys.stdin.buffer.read(32):
    raw_bytes, warm_bytes, count, total = struct.unpack("<4q", head)
    raw, warm = sys.stdin.buffer.read(raw_bytes), sys.stdin.buffer.read(warm_bytes)
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        weigh(raw, warm, count, total)
        os._exit(0)
"""

Scales = Callable[..., tuple[int, int, int]]


@pytest.fixture(scope="module")
def cost() -> Iterator[Scales]:
    """Return what tells of a picture, decoded so many times at once, what that took at most, what
    was kept of it, and its weight; each is decoded in a process of its own.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _SCALES], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as scales:
        asked, reported = scales.stdin, scales.stdout
        assert asked is not None
        assert reported is not None

        def weigh(raw: bytes, warm: bytes, *, count: int = 1, budget: int = 384 * MB) -> Any:
            asked.write(struct.pack("<4q", len(raw), len(warm), count, budget) + raw + warm)
            asked.flush()
            before, peak, after, weight, *ends = reported.readline().split()
            assert len(ends) == count
            assert set(ends) <= {b"decoded", b"truncated"}
            return int(peak) - int(before), int(after) - int(before), int(weight)

        yield weigh
        asked.close()


def noisy(kind: str, side: int, *, columns: int | None = None, **options: object) -> bytes:
    """Return a picture that hardly compresses, which is what decoders take most for.

    Args:
        kind: of file, as Pillow names it.
        side: of the square, in pixels.
        columns: that are noisy, all by default; the others are black.
        options: of Pillow's encoder.
    """
    pixels = np.random.default_rng(1).integers(0, 255, (side, side, 3), dtype=np.uint8)
    pixels[:, columns or side :] = 0
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **options)
    return sink.getvalue()


def noisy_heif() -> bytes:
    """Return a HEIC; noise all over it would take the encoder ten seconds, and costs no more."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    quick = {"preset": "ultrafast"}
    return noisy("HEIF", 1200, columns=100, quality=90, chroma=444, enc_params=quick)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read as Linux tells it")
@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("PNG", lambda: heavy_png(3000)),
        ("PNG", lambda: heavy_png(3000, "RGBA")),
        ("PNG", lambda: heavy_png(4000, "grey", bits=16)),
        ("PNG", lambda: heavy_png(6000, "palette", is_transparent=True)),
        ("BMP", lambda: heavy_bmp(3000)),
        ("WEBP", lambda: heavy_picture("WEBP", 2500, method=0)),
        ("WEBP", lambda: noisy("WEBP", 1500, lossless=True, method=0)),
        ("HEIF", noisy_heif),
        ("JPEG", lambda: heavy_picture("JPEG", 7000)),
        ("JPEG", lambda: heavy_picture("JPEG", 5000, "CMYK")),
        ("JPEG", lambda: heavy_picture("JPEG", 4000, progressive=True)),
        ("JPEG", lambda: noisy("JPEG", 2000)[:-200_000]),
    ],
    ids=[
        *("RGB", "RGBA", "grey of 16 bits", "transparent palette", "run lengths"),
        *("WebP", "noisy WebP", "HEIF", "JPEG", "CMYK", "progressive", "broken off"),
    ],
)
def test_no_picture_costs_more_than_it_said(
    kind: str, made: Callable[[], bytes], cost: Scales
) -> None:
    """A budget that counts less than is used would not hold."""
    raw = made()

    peak, kept, weight = cost(raw, heavy_picture(kind, 64))

    # What is no picture: the thread, and the C library's own rounding.
    assert peak <= weight + 6 * MB
    # Nor much more than it costs, or usual ones would wait for nothing.
    assert peak >= weight / 3
    assert kept <= 24 * MB


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read as Linux tells it")
def test_twelve_bombs_at_once_stay_within_the_budget_and_memory_returns(cost: Scales) -> None:
    """190 KB of PNG took 1.26 GB, twelve at once 8.6 GB.

    Two at once weigh 150 MB, and no thread keeps what it has freed: by the C library's own
    thresholds, twelve in turn held 235 MB now and then, and 45 to 92 MB afterwards while a usual
    picture was being decoded.
    """
    peak, kept, weight = cost(heavy_png(4000), heavy_png(64), count=12, budget=256 * MB)

    assert weight > 64 * MB
    assert peak <= 180 * MB
    assert kept <= 40 * MB


def test_what_is_held_is_given_back_whatever_happens() -> None:
    budget = PictureBudget(384 * MB)

    with pytest.raises(ImageUnreadable), budget.hold(AT_ONCE) as hold:
        decode_image(heavy_picture("JPEG", 600)[:300], hold=hold)
    assert budget.used == 0

    with pytest.raises(RuntimeError), budget.hold(AT_ONCE) as hold:
        pixels = decode_image(heavy_png(600), hold=hold)
        assert budget.used > pixels.nbytes
        hold.keep(pixels.nbytes)
        assert budget.used == pixels.nbytes
        raise RuntimeError
    assert budget.used == 0


def test_a_picture_that_finds_no_room_is_refused_in_time() -> None:
    budget = PictureBudget(300 * MB)
    with budget.hold(AT_ONCE) as first, budget.hold(WaitLimits(0.05)) as second:
        first.take(150 * MB)
        started = time.monotonic()

        with pytest.raises(PicturesBusy):
            second.take(150 * MB)

        assert 0.05 <= time.monotonic() - started < 10
    assert (budget.used, budget.waiting) == (0, 0)


@pytest.mark.parametrize("weight", [30 * MB, 150 * MB], ids=["usual", "heavy"])
def test_what_the_last_picture_freed_is_returned_though_none_follows(weight: int) -> None:
    returned: list[float] = []
    budget = PictureBudget(
        300 * MB, trim_every_s=0.2, return_memory=lambda: returned.append(time.monotonic())
    )

    for _ in range(4):
        with budget.hold(AT_ONCE) as hold:
            hold.take(weight)
    ended = time.monotonic()

    wait_until(lambda: bool(returned) and returned[-1] > ended)


def test_so_many_waiting_are_enough() -> None:
    budget = PictureBudget(300 * MB)
    with ExitStack() as held:
        held.enter_context(budget.hold(AT_ONCE)).take(150 * MB)

        def wait() -> None:
            with budget.hold(SOON) as hold:
                hold.take(150 * MB)

        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_until(lambda: budget.waiting == 1)
        with pytest.raises(PicturesBusy), budget.hold(WaitLimits(20, behind_most=1)) as hold:
            hold.take(150 * MB)
        held.close()
        waiting.join(20)
    assert (budget.used, budget.waiting) == (0, 0)


def test_usual_pictures_never_wait_behind_heavy_ones() -> None:
    budget = PictureBudget(300 * MB)
    with budget.hold(AT_ONCE) as heavy, budget.hold(AT_ONCE) as usual:
        heavy.take(200 * MB)

        usual.take(12 * MB)

        assert budget.used == 212 * MB


def test_pictures_go_in_by_the_order_in_which_they_came() -> None:
    """A large one is not passed by for ever by smaller ones that fit at once."""
    budget = PictureBudget(300 * MB)
    came: list[int] = []
    threads = []
    with budget.hold(AT_ONCE) as first:
        first.take(120 * MB)

        def come(weight: int) -> None:
            with budget.hold(SOON) as hold:
                hold.take(weight)
                came.append(weight)

        for number, weight in enumerate((190 * MB, 40 * MB, 41 * MB), start=1):
            threads.append(threading.Thread(target=come, args=(weight,)))
            threads[-1].start()
            wait_until(lambda number=number: budget.waiting == number)
        assert came == []
    for one in threads:
        one.join(20)

    assert came[0] == 190 * MB
    assert len(came) == 3
    assert budget.used == 0


def test_one_that_gives_up_lets_the_next_go_in() -> None:
    budget = PictureBudget(300 * MB)
    came = threading.Event()
    with budget.hold(AT_ONCE) as first:
        first.take(100 * MB)

        def give_up() -> None:
            with pytest.raises(PicturesBusy), budget.hold(WaitLimits(1)) as hold:
                hold.take(190 * MB)

        def come() -> None:
            with budget.hold(SOON) as hold:
                hold.take(60 * MB)
                came.set()

        threads = [threading.Thread(target=work) for work in (give_up, come)]
        for number, one in enumerate(threads, start=1):
            one.start()
            wait_until(lambda number=number: budget.waiting == number or came.is_set())

        assert came.wait(20)
        for one in threads:
            one.join(20)


def test_what_never_fits_is_too_large_and_not_busy() -> None:
    with pytest.raises(ImageTooHeavy), PictureBudget(150 * MB).hold(SOON) as hold:
        hold.take(140 * MB)


@given(
    st.lists(st.tuples(st.integers(1, 220), st.integers(0, 220)), min_size=1, max_size=12),
)
def test_never_more_is_used_than_there_is(asked: list[tuple[int, int]]) -> None:
    budget = PictureBudget(300 * MB)
    most: list[int] = []

    def work(weight: int, kept: int) -> None:
        try:
            with budget.hold(WaitLimits(0.02)) as hold:
                hold.take(weight * MB)
                most.append(budget.used)
                hold.keep(kept * MB)
                most.append(budget.used)
        except (PicturesBusy, ImageTooHeavy):
            most.append(budget.used)

    threads = [threading.Thread(target=work, args=one) for one in asked]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)

    assert max(most) <= 300 * MB
    assert (budget.used, budget.waiting) == (0, 0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "1", "LA"])
@pytest.mark.parametrize("size", [(2500, 301), (5000, 17), (3, 4100)])
def test_a_picture_in_pieces_is_the_same_picture(mode: str, size: tuple[int, int]) -> None:
    """Converted piece by piece, as a whole it looks like what Pillow makes at once."""
    levels = np.random.default_rng(2).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(levels).convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(levels[:, :, 0]))
    sink = io.BytesIO()
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture.save(sink, kind, quality=95)

    pixels = decode_image(sink.getvalue(), enough_px=None)

    whole = Image.open(io.BytesIO(sink.getvalue()))
    if mode in ("RGBA", "LA"):
        white = Image.new("RGBA", size, "white")
        whole = Image.alpha_composite(white, whole.convert("RGBA"))
    assert (pixels == np.asarray(whole.convert("RGB"))).all()


@pytest.mark.parametrize(("size", "shown"), [((4100, 12), (1025, 3)), ((3000, 2001), (1500, 1001))])
def test_a_large_png_is_reduced_like_a_jpeg(size: tuple[int, int], shown: tuple[int, int]) -> None:
    sink = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(sink, "PNG")

    pixels = decode_image(sink.getvalue())

    assert pixels.shape == (shown[1], shown[0], 3)
    assert abs(float(pixels.mean()) - 127.5) < 3

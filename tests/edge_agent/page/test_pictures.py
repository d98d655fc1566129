"""The live picture: newest only, for a few, and never at the door's expense."""

import asyncio
import io
import json
import threading
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from edge_agent.door.live_view import LiveFrame, LiveView
from edge_agent.drivers.base import Frame
from edge_agent.page.pictures import LivePictures, thumbnail
from edge_agent.page.views import PICTURE_HEADER
from face_engine import DetectedFace
from tests.support.edge.fakes import ManualClock, person_image
from tests.support.edge.running_page import RunningPage, Starter

FACE = DetectedFace((100.0, 50.0, 200.0, 200.0), 0.9, np.zeros((5, 2), dtype=np.float32))


def view(width: int = 64, height: int = 64, *, shade: int = 100, framed: bool = False) -> LiveFrame:
    image = np.full((height, width, 3), shade, dtype=np.uint8)
    return LiveFrame(Frame(image=image), 1.0, (FACE,) if framed else ())


class Watched:
    """Live pictures of whatever is put before them."""

    def __init__(self, clock: ManualClock, *, most_px: int = 640, watchers_most: int = 2) -> None:
        self.view: LiveFrame | None = None
        self.was_asked = asyncio.Event()
        self.pictures = LivePictures(
            self._look, clock, per_s=100, most_px=most_px, watchers_most=watchers_most
        )
        self.pictures.open()

    def _look(self) -> LiveFrame | None:
        self.was_asked.set()
        return self.view


@pytest.fixture
def watched(clock: ManualClock) -> Watched:
    return Watched(clock)


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    assert image.format == "JPEG"
    return image


async def test_watchers_share_one_picture(watched: Watched) -> None:
    watched.view = view()

    found = await asyncio.gather(*(watched.pictures.newer(0) for _ in range(5)))

    assert watched.pictures.encoded == 1
    assert {one.number for one in found if one} == {1}
    assert all(found)


async def test_newest_frame_is_shown_and_the_ones_between_never(watched: Watched) -> None:
    watched.view = view(shade=50)
    first = await watched.pictures.newer(0)
    assert first

    for shade in (60, 70, 200):
        watched.view = view(shade=shade)
    second = await watched.pictures.newer(first.number)

    assert second
    assert watched.pictures.encoded == 2
    assert abs(int(np.asarray(opened(second.jpeg)).mean()) - 200) < 3


async def test_no_new_frame_is_no_picture(watched: Watched) -> None:
    assert await watched.pictures.newer(0, wait_s=0.05) is None
    watched.view = view()
    first = await watched.pictures.newer(0)
    assert first

    assert await watched.pictures.newer(first.number, wait_s=0.05) is None

    assert watched.pictures.encoded == 1


async def test_who_waits_gets_the_picture_as_soon_as_there_is_one(watched: Watched) -> None:
    waiting = asyncio.create_task(watched.pictures.newer(0))
    await watched.was_asked.wait()

    watched.view = view()

    assert await waiting is not None


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (640, 360)), ((480, 640), (480, 640)), ((3000, 1), (640, 1))],
)
async def test_picture_is_made_small(
    watched: Watched, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    watched.view = view(*size)

    made = await watched.pictures.newer(0)

    assert made
    assert opened(made.jpeg).size == expected


@pytest.mark.parametrize("framed", [True, False])
async def test_faces_are_framed_where_they_are(watched: Watched, framed: bool) -> None:
    watched.view = view(1280, 720, framed=framed)

    made = await watched.pictures.newer(0)

    assert made
    red, green, _blue = map(int, np.asarray(opened(made.jpeg))[75, 50])  # its left side, halved
    assert (green - red > 80) is framed


async def test_few_may_watch_and_who_leaves_makes_room(
    watched: Watched, clock: ManualClock
) -> None:
    assert watched.pictures.admit("a")
    assert watched.pictures.admit("b")
    assert not watched.pictures.admit("c")
    clock.advance(10)
    assert watched.pictures.admit("a")

    clock.advance(3)

    assert watched.pictures.admit("c")
    assert not watched.pictures.admit("b")


async def test_pictures_end_with_the_page(watched: Watched) -> None:
    watched.view = view()
    await watched.pictures.newer(0)

    watched.pictures.close()

    assert await watched.pictures.newer(0, wait_s=0.05) is None


async def test_nothing_is_encoded_while_nobody_watches(page: RunningPage) -> None:
    await page.sign_in()

    for _ in range(5):
        await page.somebody_comes(200)
        await page.state()

    assert page.parts.interfaces.page.pictures.encoded == 0
    answer = await page.get("/picture?after=0")
    assert answer.status_code == 200
    assert opened(answer.content).size == (64, 64)
    assert answer.headers[PICTURE_HEADER] == "1"
    assert page.parts.interfaces.page.pictures.encoded == 1


async def test_encoding_happens_beside_the_loop(page: RunningPage) -> None:
    await page.sign_in()
    await page.somebody_comes(200)

    await page.get("/picture")

    names = {one.name.rpartition("_")[0] for one in threading.enumerate()}
    assert "page-pictures" in names


@pytest.mark.parametrize("after", ["", "-1", "x", "1e9", "9" * 40, "０", "0x1"])
async def test_odd_numbers_are_taken_for_none(page: RunningPage, after: str) -> None:
    await page.sign_in()
    await page.somebody_comes(200)

    answer = await page.get("/picture", params={"after": after})

    assert answer.status_code == 200


async def test_one_watcher_too_many_is_told_when_to_come_again(start: Starter) -> None:
    page = await start(watchers_most=1)
    await page.sign_in()
    await page.somebody_comes(200)
    assert (await page.get("/picture")).status_code == 200
    page.http.cookies.clear()
    await page.sign_in()

    answer = await page.get("/picture")

    assert (answer.status_code, answer.json()["problem"]) == (503, "watchers")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await page.state())["file"] is not None


@pytest.mark.slow
async def test_watcher_who_never_reads_piles_nothing_up_and_keeps_nobody_waiting(
    page: RunningPage,
) -> None:
    """Thousands of requests on one connection, none of the answers read.

    Answers stop when the socket is full; requests stop being read after a few.
    """
    await page.sign_in()
    noise = np.random.default_rng(1).integers(0, 255, (640, 640, 3), dtype=np.uint8)
    page.parts.door.pipeline.live_view.view = LiveFrame(Frame(image=noise), 0.0)
    size = len((await page.get("/picture")).content)
    assert size > 100_000
    cookies = "; ".join(f"{name}={text}" for name, text in page.http.cookies.items())
    one = f"GET /picture HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    tracemalloc.start()
    try:
        writer.write(one * 5000)
        seen = 0
        for _ in range(50):
            await page.somebody_comes(100)
            page.parts.door.pipeline.live_view.view = LiveFrame(Frame(image=noise), 0.0)
            answer = await page.get(f"/picture?after={seen}")
            seen = int(answer.headers[PICTURE_HEADER])
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        writer.transport.abort()
        del reader

    assert seen >= 50
    assert most < 40 * size  # of 5000 pictures that were asked for


async def test_connections_are_bounded(page: RunningPage) -> None:
    """One computer may hold some; further ones are cut at once and the page goes on."""
    held = [await asyncio.open_connection("127.0.0.1", page.port) for _ in range(40)]
    try:
        async with asyncio.timeout(5):
            cut = 0
            for reader, _ in held[32:]:
                cut += (await reader.read()) == b""
        assert cut == 8
    finally:
        for _, writer in held:
            writer.transport.abort()

    assert (await page.get("/sign-in")).status_code == 200


def test_door_does_not_know_who_watches(clock: ManualClock) -> None:
    """Whoever writes a picture down waits for nobody: there is nothing to wait for."""
    live_view = LiveView()

    assert not asyncio.iscoroutinefunction(live_view.show)
    assert not hasattr(live_view, "listen")


def test_thumbnail_is_small() -> None:
    sink = io.BytesIO()
    Image.fromarray(np.tile(person_image(90), (10, 15, 1))).save(sink, "JPEG")

    made = thumbnail(sink.getvalue())

    assert max(opened(made).size) == 160
    assert len(made) < 4000
    with pytest.raises(OSError, match="cannot identify"):
        thumbnail(b"\x89PNG no jpeg")


async def test_picture_of_a_pass_is_shown_as_long_as_it_is_kept(page: RunningPage) -> None:
    await page.sign_in()
    await page.somebody_comes(200)
    record_id = (await page.state())["file"]["passes"][0]["id"]

    answer = await page.get(f"/passes/{record_id}/picture")

    assert max(opened(answer.content).size) <= 160
    for path in (
        "/passes/999/picture",
        "/passes/x/picture",
        f"/passes/{record_id}",
        "/passes//picture",
    ):
        assert (await page.get(path)).status_code == 404
    assert json.loads((await page.get("/passes/999/picture")).text)["problem"] == "not_found"

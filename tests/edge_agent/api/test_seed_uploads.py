"""9.2 to 9.5 as the terminal sends them: key for key, by the examples of the seed."""

import base64
import json
from typing import Any

import pytest

from edge_agent.door.decision import DoorReason
from edge_agent.drivers.base import Cue
from edge_agent.drivers.exceptions import DriverError
from terminal_protocol import IdCard
from tests.support.edge.fakes import person_jpeg
from tests.support.edge.object_values import PRODUCTION, set_object
from tests.support.edge.running_terminal import RunningTerminal, Starter
from tests.support.fake_platform import TOKEN, FakePlatform

ANN, STRANGER = 100, 200
LABELS = {"uuid_label": "SY001", "nation_code": "XXX社区"}
# The card of 9.2's example.
ID_CARD = {
    **{"name": "张三", "gender": "男", "national": "汉族", "birthday": "19961122"},
    **{"address": "湖南省永州市xxx县xxx村xxx号", "id": "43112319961122xxxx"},
    **{"maker": "xxx县公安局", "startDate": "2012.11.22", "endDate": "2022.11.22"},
}


async def sent(platform: FakePlatform, terminal: RunningTerminal, kind: str) -> dict[str, Any]:
    """Return the newest upload of a kind, as its bytes say it, once the queue is empty."""
    while await terminal.count("outbox"):
        await terminal.parts.upstream.uplink.step()
    bodies = [body for one, body in platform.raw_bodies if one == kind]
    reported: dict[str, Any] = json.loads(bodies[-1])
    return reported


async def knowing_ann(platform: FakePlatform, terminal: RunningTerminal) -> RunningTerminal:
    platform.enrol("111222", "李二壮", person_jpeg(ANN), user_type="student")
    await terminal.parts.upstream.sync.round()
    return terminal


def picture_of(reported: dict[str, Any]) -> bytes:
    """Take the picture out of an upload."""
    written = reported.pop("img")
    assert len(written) <= 700 * 1024
    return base64.b64decode(written, validate=True)


# ---- 9.2


async def test_pass_is_sent_as_the_example_prints_it(
    platform: FakePlatform, start: Starter
) -> None:
    terminal = await knowing_ann(platform, await start(top={**LABELS, "mask_assumed": True}))

    await terminal.somebody_comes(ANN)

    reported = await sent(platform, terminal, "syface")
    assert picture_of(reported).startswith(b"\xff\xd8")
    moment, similarity = reported.pop("screenTime"), reported.pop("similarity")
    assert (type(moment), type(similarity)) == (int, int)
    assert abs(moment - terminal.now_ms() / 1000) < 60
    assert 60 <= similarity <= 100
    assert list(reported.items()) == [
        *(("userId", "111222"), ("userName", "李二壮"), ("userType", "student")),
        *(("deviceId", "0000001"), ("uuid", "SY001"), ("nationCode", "XXX社区")),
        *(("actionCode", 1), ("action", "进门"), ("temperature", "36.5°C"), ("mask", True)),
    ]


@pytest.mark.parametrize(
    ("reading_c", "reported"), [(36.5, "36.5°C"), (38.25, "38.25°C"), (None, "")]
)
async def test_temperature_of_a_pass_has_its_unit(
    platform: FakePlatform, start: Starter, reading_c: float | None, reported: str
) -> None:
    terminal = await knowing_ann(platform, await start())
    terminal.thermometer.reading_c = reading_c

    await terminal.somebody_comes(ANN)

    assert (await sent(platform, terminal, "syface"))["temperature"] == reported


async def test_identity_card_goes_along_with_the_next_pass_and_no_other(
    platform: FakePlatform, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    terminal = await knowing_ann(platform, await start())
    card = IdCard.from_wire(ID_CARD)
    terminal.card_reader.cards = [card]

    await terminal.parts.door.cards.run()
    assert terminal.relay.pulses_ms == []  # it is no key
    assert [one.cue for one in terminal.prompter.prompts] == [Cue.LOOK_HERE]
    await terminal.somebody_comes(ANN)
    first = await sent(platform, terminal, "syface")
    await terminal.somebody_comes(ANN)
    second = await sent(platform, terminal, "syface")

    assert first["idCardInfo"] == ID_CARD
    assert list(first["idCardInfo"]) == list(ID_CARD)
    assert list(first)[-2:] == ["idCardInfo", "img"]
    assert "idCardInfo" not in second
    assert platform.passes[0].id_card == card
    seen = "".join([*terminal.event_log.lines, *map(repr, terminal.event_log.events), caplog.text])
    assert [one for one in ID_CARD.values() if one in seen] == []


async def test_card_number_is_no_identity_card(platform: FakePlatform, start: Starter) -> None:
    terminal = await knowing_ann(platform, await start())
    terminal.card_reader.cards = ["00047112345", DriverError("the card reader is gone")]

    with pytest.raises(DriverError):
        await terminal.parts.door.cards.run()
    await terminal.somebody_comes(ANN)

    assert "idCardInfo" not in await sent(platform, terminal, "syface")


async def test_identity_card_of_a_stranger_is_not_the_next_persons(
    platform: FakePlatform, start: Starter
) -> None:
    terminal = await knowing_ann(platform, await start())
    terminal.card_reader.cards = [IdCard.from_wire(ID_CARD)]

    await terminal.parts.door.cards.run()
    await terminal.somebody_comes(STRANGER)
    await terminal.somebody_comes(ANN)

    assert "idCardInfo" not in await sent(platform, terminal, "syface")
    assert "idCardInfo" not in json.dumps(await sent(platform, terminal, "syattribute"))


async def test_identity_card_that_nobody_followed_is_forgotten(
    platform: FakePlatform, start: Starter
) -> None:
    """Whoever comes later is somebody else."""
    terminal = await knowing_ann(platform, await start())
    card = IdCard.from_wire(ID_CARD)
    assert card is not None
    tray, now_s = terminal.parts.door.pipeline.id_cards, terminal.clock.monotonic()

    tray.put(card, now_s - 15.1)
    await terminal.somebody_comes(ANN)

    assert "idCardInfo" not in await sent(platform, terminal, "syface")
    tray.put(card, now_s)
    assert (tray.take(now_s + 14.9), tray.take(now_s + 14.9)) == (card, None)


# ---- 9.3


NORMAL_C, HIGH_C = 36.3, 38.2
MASKS = {"maskDetecEnable": 1}
ANYBODY = {"unrecognised_may_pass": True, "library_max_age_s": 0.0}
ASKS = {**ANYBODY, "decide": "platform"}


async def change(terminal: RunningTerminal, face: dict[str, int], peri: dict[str, int]) -> None:
    for call, changes in (("smartface", face), ("perpara", peri)):
        held = (await terminal.call(call))["data"]
        assert await terminal.code(f"{call}cfg", {**held, **changes}) == 200


async def test_reading_is_sent_as_the_example_prints_it(
    platform: FakePlatform, start: Starter
) -> None:
    terminal = await start(top={**LABELS, **ANYBODY, "mask_assumed": True})
    await change(terminal, {"faceCmpEnable": 0}, {"cmpNormal": 0})
    terminal.thermometer.reading_c = NORMAL_C

    await terminal.somebody_comes(STRANGER)

    reported = await sent(platform, terminal, "syattribute")
    assert list(reported) == ["Info"]
    info = reported["Info"]
    assert list(info) == [
        *("deviceid", "uuid", "temperature", "mask", "nationCode", "openCode", "openMsg"),
        *("screenTime", "img"),
    ]
    assert picture_of(info).startswith(b"\xff\xd8")
    assert abs(info.pop("screenTime") - terminal.now_ms() / 1000) < 60
    assert info == {
        **{"deviceid": "0000001", "uuid": "SY001", "temperature": "36.3", "mask": True},
        **{"nationCode": "XXX社区", "openCode": 100, "openMsg": "开门成功"},
    }


@pytest.mark.parametrize(
    ("reading_c", "face", "language", "reported"),
    [
        (NORMAL_C, {}, 0, None),
        (HIGH_C, {}, 0, (101, "温度异常")),
        (HIGH_C, {}, 1, (101, "abnormal temperature")),
        (NORMAL_C, MASKS, 0, (102, "未佩戴口罩")),
        (NORMAL_C, MASKS, 1, (102, "no mask")),
        (None, MASKS, 0, (102, "未佩戴口罩")),
        (HIGH_C, MASKS, 0, (101, "温度异常")),
    ],
)
async def test_open_code_of_somebody_unknown(
    platform: FakePlatform,
    start: Starter,
    reading_c: float | None,
    face: dict[str, int],
    language: int,
    reported: tuple[int, str] | None,
) -> None:
    """Who is normal and unknown has no code: the door does not open, and 9.3 has no number."""
    terminal = await start()
    await change(terminal, face, {})
    await set_object(terminal, "ProductionObject", {**PRODUCTION, "languageType": language})
    terminal.thermometer.reading_c = reading_c

    await terminal.somebody_comes(STRANGER)

    info = (await sent(platform, terminal, "syattribute"))["Info"]
    assert (info.get("openCode"), info.get("openMsg")) == (reported or (None, None))
    assert terminal.relay.pulses_ms == []
    (read,) = platform.readings
    assert (read.open_code, read.open_message) == (reported or (None, ""))


@pytest.mark.parametrize(
    ("top", "face", "peri", "reading_c", "reason", "code"),
    [
        (ANYBODY, {}, {"cmpNormal": 0}, NORMAL_C, DoorReason.UNRECOGNISED_ALLOWED, 100),
        (ANYBODY, {}, {}, NORMAL_C, DoorReason.UNRECOGNISED, None),
        ({}, {}, {"cmpNormal": 0}, NORMAL_C, DoorReason.UNRECOGNISED, None),
        (ASKS, {}, {"cmpNormal": 0}, NORMAL_C, DoorReason.UNRECOGNISED, None),
        (ANYBODY, {}, {"cmpNormal": 0}, HIGH_C, DoorReason.TEMPERATURE_HIGH, 101),
        (ANYBODY, {}, {"cmpNormal": 0, "tempNormal": 0}, HIGH_C, DoorReason.TEMPERATURE_HIGH, 101),
        (ANYBODY, {}, {"cmpNormal": 0}, None, DoorReason.TEMPERATURE_MISSING, None),
        (ANYBODY, MASKS, {"cmpNormal": 0, "maskNormal": 1}, NORMAL_C, DoorReason.MASK_MISSING, 102),
        ({**ANYBODY, "looking": {"liveness_required": True}}, {}, {"cmpNormal": 0}, NORMAL_C,
         DoorReason.UNRECOGNISED, None),
    ],
)  # fmt: skip
async def test_door_opens_to_somebody_unknown_only_after_two_yeses(
    platform: FakePlatform,
    start: Starter,
    top: dict[str, Any],
    face: dict[str, int],
    peri: dict[str, int],
    reading_c: float | None,
    reason: DoorReason,
    code: int | None,
) -> None:
    """The file's and that of cmpNormal; then a measured, normal temperature is asked for."""
    terminal = await start(top=top)
    await change(terminal, face, peri)
    terminal.thermometer.reading_c = reading_c

    decision = await terminal.somebody_comes(STRANGER)

    is_open = reason is DoorReason.UNRECOGNISED_ALLOWED
    assert (decision.reason, decision.open_door) == (reason, is_open)
    assert terminal.relay.pulses_ms == ([3000] if is_open else [])
    info = (await sent(platform, terminal, "syattribute"))["Info"]
    assert info.get("openCode") == code
    assert terminal.named("visit")[-1]["outcome"] == "nobody"


async def test_relay_that_fails_is_not_told_as_opened(
    platform: FakePlatform, start: Starter
) -> None:
    terminal = await start(top=ANYBODY)
    await change(terminal, {}, {"cmpNormal": 0})
    await terminal.relay.close()

    await terminal.somebody_comes(STRANGER)

    info = (await sent(platform, terminal, "syattribute"))["Info"]
    assert "openCode" not in info
    assert info["img"]
    assert [one.cue for one in terminal.prompter.prompts] == [Cue.REFUSED]


async def test_people_kept_out_stay_out_of_a_door_that_opens_to_anybody(
    platform: FakePlatform, start: Starter
) -> None:
    terminal = await start(top=ANYBODY)
    await change(terminal, {}, {"cmpNormal": 0})
    platform.enrol("9", "Eve", person_jpeg(ANN), user_type="blacklist")
    await terminal.parts.upstream.sync.round()

    decision = await terminal.somebody_comes(ANN)

    assert decision.reason is DoorReason.KEPT_OUT
    assert terminal.relay.pulses_ms == []


# ---- 9.4


async def test_one_result_is_an_object_and_several_are_a_list(
    platform: FakePlatform, start: Starter
) -> None:
    terminal = await start()
    platform.enrol("111222", "Ann", person_jpeg(ANN))
    await terminal.parts.upstream.sync.round()
    one = await sent(platform, terminal, "syresult")
    platform.enrol("7", "Bob", person_jpeg(STRANGER))
    platform.enrol("8", "Eve", None)
    await terminal.parts.upstream.sync.round()
    several = await sent(platform, terminal, "syresult")

    good = {"status": "100", "msg": "操作成功"}
    assert one == {"resultList": {"userID": "111222", **good}}
    assert several == {
        "resultList": [
            {"userID": "7", **good},
            {"userID": "8", "status": "105", "msg": "缺少图片地址"},
        ]
    }
    assert [(one.user_id, one.code) for one in platform.results] == [
        *(("111222", "100"), ("7", "100"), ("8", "105"))
    ]


# ---- 9.5


async def test_heartbeat_names_the_base_url_in_use(platform: FakePlatform, start: Starter) -> None:
    terminal = await start()

    assert await terminal.parts.upstream.heartbeat.beat()

    (_, body) = platform.raw_bodies[-1]
    assert json.loads(body) == {
        "Heartinfo": {"deviceid": "0000001", "ServerURL": platform.base_url}
    }
    assert TOKEN not in "".join([*terminal.event_log.lines, *map(repr, terminal.event_log.events)])


@pytest.mark.parametrize(("length", "is_sent"), [(128, True), (129, False)])
async def test_base_url_too_long_for_the_field_is_not_cut(
    platform: FakePlatform, start: Starter, length: int, is_sent: bool
) -> None:
    """A part of an address is another address."""
    url = platform.base_url + "/".ljust(length - len(platform.base_url), "x")
    terminal = await start(top={"base_url": url})

    await terminal.parts.upstream.heartbeat.beat()

    ((_, body),) = platform.raw_bodies
    assert json.loads(body)["Heartinfo"]["ServerURL"] == (url if is_sent else "")

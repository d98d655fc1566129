"""8.1.1 to 8.1.6 and 8.1.10 to 8.1.17: every field of every object, over the wire and back."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge_agent.recognition.face_settings import SnapshotKind
from edge_agent.service.network_facts import network_facts
from terminal_protocol.device_fields import WireField
from terminal_protocol.device_objects import OBJECTS, WireObject
from tests.support.edge.object_values import (
    AUDIO,
    FACE,
    NETWORK,
    OBJECT_VALUES,
    PERI,
    PRODUCTION,
    get_object,
    set_object,
)
from tests.support.edge.running_terminal import RunningTerminal, Starter


async def test_information_is_a_device_object(start: Starter) -> None:
    terminal = await start(device_name="north gate")

    answer = await terminal.call("information")

    assert answer["data"].pop("appVer") == answer["data"].pop("webVer")
    assert answer["data"] == {
        **{"deviceID": "0000001", "deviceName": "north gate", "deviceMoel": "menjin-edge-agent"}
    }


@pytest.mark.parametrize("name", list(OBJECT_VALUES))
async def test_object_is_kept_reported_and_survives_a_restart(start: Starter, name: str) -> None:
    terminal = await start()
    before = await get_object(terminal, name)
    assert OBJECTS[name].read(before).problems == ()
    assert set(before) == set(OBJECTS[name].names)

    answer = await set_object(terminal, name, OBJECT_VALUES[name])

    assert answer["code"] == 200
    assert await get_object(terminal, name) == OBJECT_VALUES[name]
    await terminal.parts.database.close()
    await terminal.parts.database.open()
    await terminal.parts.interfaces.terminal.settings.load()
    assert await get_object(terminal, name) == OBJECT_VALUES[name]


def outside(one: WireField) -> list[Any]:
    """Return values just beyond the limits of a row, and one of a wrong type."""
    found: list[Any] = [["x"]]
    if one.choices:
        found += [min(one.choices) - 1, max(one.choices) + 1]
    if one.least is not None:
        found.append(one.least - 1)
    if one.most is not None:
        found.append(one.most + 1)
    if one.length_max is not None:
        found.append("9" * (one.length_max + 1))
    return found


def inside(one: WireField) -> list[Any]:
    """Return the limits of a row themselves."""
    found: list[Any] = list(one.choices)
    found += [limit for limit in (one.least, one.most) if limit is not None]
    if one.kind == "string" and one.length_max is not None:
        found.append("门" * one.length_max)
    return found


ROWS = [(OBJECTS[name], one) for name in OBJECT_VALUES for one in OBJECTS[name].fields]
LABELS = [f"{table.section} {one.name}" for table, one in ROWS]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=LABELS)
async def test_row_of_the_seed(
    terminal: RunningTerminal, table: WireObject, row: WireField
) -> None:
    """Its limits are taken and reported, what lies beyond is 30001, its absence 30003."""
    whole = OBJECT_VALUES[table.name]

    for value in inside(row):
        assert (await set_object(terminal, table.name, {**whole, row.name: value}))["code"] == 200
        assert (await get_object(terminal, table.name))[row.name] == value
    for value in outside(row):
        answer = await set_object(terminal, table.name, {**whole, row.name: value})
        assert answer["code"] == 30001
        assert answer["desc"].startswith(f"{row.name}: ")
    absent = {key: value for key, value in whole.items() if key != row.name}
    answer = await set_object(terminal, table.name, absent)

    assert answer["code"] == (30003 if row.is_required else 200)
    if row.is_required:
        assert answer["desc"] == f"{row.name}: missing"


@pytest.mark.parametrize("how", ["json", "form", "form with json", "multipart", "text/plain"])
async def test_object_is_read_however_it_is_written(terminal: RunningTerminal, how: str) -> None:
    import json

    text = json.dumps(FACE)
    written: dict[str, Any] = {
        "json": {"json": FACE},
        "form": {"data": {key: str(value) for key, value in FACE.items()}},
        "form with json": {"data": {"json": text}},
        "multipart": {"files": {"json": (None, text)}},
        "text/plain": {"content": text, "headers": {"Content-Type": "text/plain"}},
    }[how]

    response = await terminal.request(
        "POST", "/api/device/smartfacecfg", params=terminal.query(), **written
    )

    assert response.json()["code"] == 200
    assert await get_object(terminal, "SmartFaceObject") == FACE


@pytest.mark.parametrize("content", [b"", b"   "])
async def test_setting_nothing_is_missing_the_object(
    terminal: RunningTerminal, content: bytes
) -> None:
    response = await terminal.request(
        "POST", "/api/device/networkcfg", params=terminal.query(), content=content
    )

    assert response.json()["code"] == 30003
    assert response.json()["desc"] == "NetworkObject: missing"


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"17"])
async def test_content_that_is_no_object_is_invalid(
    terminal: RunningTerminal, content: bytes
) -> None:
    response = await terminal.request(
        "POST", "/api/device/networkcfg", params=terminal.query(), content=content
    )

    assert response.json()["code"] in {30001, 30003}
    assert await terminal.count("settings") == 0


async def test_fixed_address_has_to_be_given(terminal: RunningTerminal) -> None:
    answer = await terminal.call("networkcfg", {**NETWORK, "ipAddress": ""})

    assert (answer["code"], answer["desc"]) == (30001, "ipAddress: empty without DHCP")
    assert await terminal.code("networkcfg", {**NETWORK, "ipAddress": "", "dhcpEnable": 1}) == 200


async def test_refused_object_changes_nothing(terminal: RunningTerminal) -> None:
    before = await get_object(terminal, "PerParaObject")

    await terminal.call("perparacfg", {**PERI, "unlockOuttime": 31})

    assert await get_object(terminal, "PerParaObject") == before


async def test_settings_count_at_once(start: Starter) -> None:
    """No restart: the next visitor meets the new settings."""
    terminal = await start(top={"decide": "local", "temperature_limit_c": 38.5})
    assert terminal.parts.interfaces.terminal.settings.door().rules.temperature_limit_c == 38.5

    await terminal.call("smartfacecfg", FACE)
    await terminal.call("perparacfg", {**PERI, "tempNormal": 1})

    door = terminal.parts.interfaces.terminal.settings.door()
    assert (door.face.least_score, door.face.face_min_px) == (0.7, 80)
    assert (door.face.face_max_px, door.face.kind) == (400, SnapshotKind.BOTH)
    assert (door.face.draws_frame, door.face.is_comparing) == (True, True)
    assert (door.visit_gap_s, door.detects_masks, door.measures_temperature) == (20, True, True)
    assert (door.rules.temperature_limit_c, door.rules.unlock_delay_ms) == (37.1, 30_000)
    assert (door.rules.temperature_counts, door.rules.mask_required) == (True, True)


async def test_writing_back_what_was_read_changes_nothing(start: Starter) -> None:
    """A limit beyond the seed's range is reported as the nearest one, and still counts."""
    terminal = await start(top={"temperature_limit_c": 38.5, "unlock_delay_ms": 400})
    read = await get_object(terminal, "SmartFaceObject")
    assert read["tempWarnThre"] == 37.5

    await terminal.call("smartfacecfg", {**read, "imgType": 1})
    await terminal.call("perparacfg", await get_object(terminal, "PerParaObject"))

    rules = terminal.parts.interfaces.terminal.settings.door().rules
    assert (rules.temperature_limit_c, rules.unlock_delay_ms) == (38.5, 400)
    assert terminal.parts.interfaces.terminal.settings.door().face.kind is SnapshotKind.WHOLE


async def names_of(terminal: RunningTerminal) -> set[str]:
    """Return what the terminal is called, wherever it says so."""
    information = (await terminal.call("information"))["data"]
    device = await get_object(terminal, "DeviceObject")
    production = await get_object(terminal, "ProductionObject")
    assert device == information
    assert list(device) == list(OBJECTS["DeviceObject"].names)
    held = terminal.parts.interfaces.terminal.settings.device_name
    return {information["deviceName"], production["deviceName"], held}


async def test_device_name_is_one_value_everywhere(start: Starter) -> None:
    """8.1.1 and 8.1.6: set over the interface, given by the file, or cut from a long id."""
    terminal = await start(top={"device_id": "A" * 32})
    assert await names_of(terminal) == {"A" * 16}

    await set_object(terminal, "ProductionObject", PRODUCTION)

    assert await names_of(terminal) == {"front door"}


async def test_device_name_of_the_file_is_one_value_everywhere(start: Starter) -> None:
    terminal = await start(device_name="north gate")

    assert await names_of(terminal) == {"north gate"}


ACTING = {
    **{"voiceProswitch": 0, "tempNormal": 0, "maskNormal": 1, "unlockOuttime": 9},
}
KEPT_ONLY = {"detecTemMod": 7, "alarmType": 1, "cmpNormal": 0, "RecordOpen": 1, "unlockControl": 0}


@pytest.mark.parametrize(("name", "value"), list({**ACTING, **KEPT_ONLY}.items()))
async def test_field_of_8_1_5_acts_or_is_kept_only(
    terminal: RunningTerminal, name: str, value: int
) -> None:
    """All are given back; docs/openapi-conformance.md says which change something at the door."""
    face = {**await get_object(terminal, "SmartFaceObject"), "maskDetecEnable": 1}
    await terminal.call("smartfacecfg", face)
    before = await get_object(terminal, "PerParaObject")
    door = terminal.parts.interfaces.terminal.settings.door()
    assert before[name] != value

    assert await terminal.code("perparacfg", {**before, name: value}) == 200

    assert await get_object(terminal, "PerParaObject") == {**before, name: value}
    assert (terminal.parts.interfaces.terminal.settings.door() != door) is (name in ACTING)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"cmd": "status"}, 200),
        ({"cmd": "openings"}, 200),
        ({"cmd": "sync"}, 200),
        ({"cmd": "resetTime"}, 200),
        ({"cmd": "get", "object": "DeviceObject"}, 200),
        ({"cmd": "get"}, 30003),
        ({"cmd": "get", "object": "UserObject"}, 40001),
        ({"cmd": "set", "object": "DeviceObject", "data": {"a": 1}}, 40001),
        ({"cmd": "set", "object": "AudioObject"}, 30003),
        ({"cmd": "set", "object": "AudioObject", "data": {**AUDIO, "volumeIn": 16}}, 30001),
        ({"cmd": ""}, 30003),
        ({"cmd": 7}, 30003),
        ({"reset": 1}, 30003),
        ({"cmd": "format"}, 40001),
    ],
)
async def test_json_command(terminal: RunningTerminal, command: dict[str, Any], code: int) -> None:
    answer = await terminal.call("jsonCmd", command)

    assert answer["code"] == code
    assert set(answer) == {"code", "message", "desc"} | ({"json"} if code == 200 else set())


async def test_several_commands_are_answered_one_by_one(terminal: RunningTerminal) -> None:
    """50003 Multi Request Error, when one of them fails; the others were done."""
    get = {"cmd": "get", "object": "AudioObject"}

    good = await terminal.call("jsonCmd", [get, {"cmd": "status"}])
    bad = await terminal.call("jsonCmd", [get, {"cmd": "fly"}])

    assert (good["code"], [one["code"] for one in good["json"]]) == (200, [200, 200])
    assert (bad["code"], [one["code"] for one in bad["json"]]) == (50003, [200, 40001])


async def test_status_counts(terminal: RunningTerminal) -> None:
    answer = await terminal.call("jsonCmd", {"cmd": "status"})

    assert answer["json"] == {
        **{"people": 0, "faces": 0, "cursor": 0, "pending": 0, "parked": 0, "clockOffsetS": 0.0}
    }


def test_network_is_what_the_computer_has(tmp_path: Path) -> None:
    routes, servers = tmp_path / "route", tmp_path / "resolv.conf"
    routes.write_text(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    servers.write_text("# made by hand\nnameserver 192.168.1.53\nnameserver ::1\n")

    found = network_facts("127.0.0.1", routes=routes, name_servers=servers)

    assert found == {
        **{"dhcpEnable": 1, "ipAddress": "127.0.0.1", "subMask": "255.255.255.0"},
        **{"DNS1": "192.168.1.53", "DNS2": "", "defRout": "192.168.1.1"},
    }


def test_network_of_another_system_is_empty(tmp_path: Path) -> None:
    found = network_facts("127.0.0.1", routes=tmp_path / "no", name_servers=tmp_path / "no")

    assert (found["subMask"], found["defRout"], found["DNS1"]) == ("", "", "")


def test_unreadable_tables_of_the_system_are_empty(tmp_path: Path) -> None:
    routes, servers = tmp_path / "route", tmp_path / "resolv.conf"
    routes.write_text("head\neth0 xyz 1 1 1 1 1 1\n")
    servers.write_text("nameserver 1.2.3.four\n")

    found = network_facts("127.0.0.1", routes=routes, name_servers=servers)

    assert (found["subMask"], found["defRout"], found["DNS1"]) == ("", "", "")


async def test_changes_at_once_follow_each_other(terminal: RunningTerminal) -> None:
    face = await get_object(terminal, "SmartFaceObject")
    changes = [{**face, "imgType": number % 3} for number in range(30)]

    settings = terminal.parts.interfaces.terminal.settings
    await asyncio.gather(*(settings.change("SmartFaceObject", one) for one in changes))

    assert (await get_object(terminal, "SmartFaceObject"))["imgType"] == 29 % 3
    await settings.load()
    assert (await get_object(terminal, "SmartFaceObject"))["imgType"] == 29 % 3

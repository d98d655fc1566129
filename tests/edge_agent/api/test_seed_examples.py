"""Answers hold exactly the keys that the seed prints, in its order."""

import base64
import re
from typing import Any

import pytest

from terminal_protocol.device_calls import CALLS, AnswerShape
from tests.support.edge.fakes import person_jpeg
from tests.support.edge.object_values import FACE, NETWORK, PERI
from tests.support.edge.running_terminal import PERSON, RunningTerminal

# The examples of "正常响应返回" as printed; ``data`` of a list is looked at by itself.
EXAMPLES = {
    "open": '{ "code": 200, "message": "OK", "desc": "" }',
    "syncTime": '{ "code": 200, "message": "OK", "desc": "" }',
    "reboot": '{ "code": 200, "message": "OK", "desc": "" }',
    "jsonCmd": '{ "code": 200, "message": "OK", "desc": "", "json": {}  //详细结果内容 }',
    "information": '{ "code": 200, "message": "OK", "desc": "", "data": DeviceObject }',
    "network": '{ "code": 200, "message": "OK", "desc": "", "data": NetworkObject }',
    "networkcfg": '{ "code": 200, "message": "OK", "desc": "" }',
    "smartface": '{ "code": 200, "message": "OK", "desc": "" "data": SmartFaceObject }',
    "smartfacecfg": '{ "code": 200, "message": "OK", "desc": "" }',
    "perpara": '{ "code": 200, "message": "OK", "desc": "" "data": PerParaObject }',
    "perparacfg": '{ "code": 200, "message": "OK", "desc": "" }',
    "userAdd": '{ "code": 200, "message": "OK", "desc": "", "data": UserObject }',
    "userUpdate": '{ "code": 200, "message": "OK", "desc": "", "data": UserObject }',
    "userDelete": '{ "code": 200, "message": "OK", "desc": "", "data": UserObject }',
    "userList": '{ "code": 200, "message": "OK", "desc": "", "data": { } }',
    "recordList": '{ "code": 200, "message": "OK", "desc": "", "data": { } }',
}
PAGE = '"total": 14, "pageNum": 1, "size": 3, "pageSize": 3, "totalPage": 5, "data": [ ]'
# 8.1.1 to 8.1.5, 8.2.1 and 8.3.1: names as printed, optional ones with a question mark.
OBJECTS = {
    "DeviceObject": "deviceID deviceName appVer webVer deviceMoel",
    "NetworkObject": "dhcpEnable ipAddress subMask DNS1 DNS2 defRout",
    "SmartFaceObject": "faceEnable faceCmpEnable faceThre faceMinsize faceMaxsize faceInterval"
    " imgType maskDetecEnable tempDetecEnable tempWarnThre ftpPutImgEnable faceFrame",
    "PerParaObject": "detecTemMod alarmType? voiceProswitch tempNormal maskNormal cmpNormal"
    " RecordOpen unlockControl unlockOuttime",
    "UserObject": "userId userType photo? icNumber jobNumber mobile name remark department?"
    " birthday? entryTime? mail? title? position? idNumber? gender? prompt? startTime? endTime?"
    " purpose? interviewee? comeFrom? description?",
}
OBJECTS["SignObject"] = OBJECTS["UserObject"] + (
    " id signAvatar? signTime type inputType similarity? temperature? temperatureState? wearMask?"
    " wearMaskAlarm? deviceMark?"
)


def keys_of(example: str) -> list[str]:
    return re.findall(r'"(\w+)":', example)


def assert_is(name: str, sent: dict[str, Any]) -> None:
    """Every required key, no other than the printed ones, in the printed order."""
    printed = OBJECTS[name].split()
    order = [one.rstrip("?") for one in printed]
    assert [one for one in printed if not one.endswith("?") and one not in sent] == []
    assert list(sent) == [one for one in order if one in sent]


BODIES: dict[str, Any] = {
    "jsonCmd": {"cmd": "status"},
    "networkcfg": NETWORK,
    "smartfacecfg": FACE,
    "perparacfg": PERI,
    "userAdd": PERSON,
    "userUpdate": PERSON,
}


@pytest.mark.parametrize("name", list(CALLS))
async def test_answer_has_the_keys_of_the_example(terminal: RunningTerminal, name: str) -> None:
    photo = base64.b64encode(person_jpeg(100)).decode()
    await terminal.call("userAdd", {**PERSON, "photo": photo})
    await terminal.somebody_comes(100)
    call = CALLS[name]

    answer = await terminal.call(name, BODIES.get(name), user_id="u1")

    assert list(answer) == keys_of(EXAMPLES[name])
    assert (answer["code"], answer["message"], answer["desc"]) == (200, "OK", "")
    if call.shape is AnswerShape.OBJECT:
        assert call.result is not None
        assert_is(call.result.name, answer["data"])
    if call.shape is AnswerShape.PAGE:
        assert call.result is not None
        assert list(answer["data"]) == keys_of(PAGE)
        (entry,) = answer["data"]["data"]
        assert_is(call.result.name, entry)


@pytest.mark.parametrize("name", list(CALLS))
async def test_refusal_has_the_keys_of_the_example(terminal: RunningTerminal, name: str) -> None:
    """``{"code": 40001, "message": "Not Support", "desc": "device-not-support"}``."""
    answer = await terminal.call(name, at_ms=1573539353795, user_id="u1")

    if name == "syncTime":  # its timestamp is the time to be set, however old
        assert answer["code"] == 200
        return
    assert list(answer) == ["code", "message", "desc"]
    assert [type(value) for value in answer.values()] == [int, str, str]


async def test_deleting_everybody_answers_like_any_delete(terminal: RunningTerminal) -> None:
    answer = await terminal.call("userDelete", user_id="all")

    assert list(answer) == keys_of(EXAMPLES["userDelete"])

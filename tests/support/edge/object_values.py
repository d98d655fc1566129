"""Values for the objects of chapter 8.1, and the calls that set and report them."""

from typing import Any

from tests.support.edge.running_terminal import RunningTerminal

NETWORK = {
    **{"dhcpEnable": 0, "ipAddress": "192.168.1.20", "subMask": "255.255.255.0"},
    **{"DNS1": "192.168.1.1", "DNS2": "", "defRout": "192.168.1.1"},
}
AUDIO = {
    **{"aencEnable": 1, "aencType": 8, "sampleRate": 16000, "aencbitrate": 64000},
    **{"micLine": 1, "volumeIn": 15, "volumeOut": 0},
}
FACE = {
    **{"faceEnable": 1, "faceCmpEnable": 1, "faceThre": 7, "faceMinsize": 80, "faceMaxsize": 400},
    **{"faceInterval": 20, "imgType": 2, "maskDetecEnable": 1, "tempDetecEnable": 1},
    **{"tempWarnThre": 37.1, "ftpPutImgEnable": 1, "faceFrame": 1},
}
PERI = {
    **{"detecTemMod": 2, "alarmType": 1, "voiceProswitch": 1, "tempNormal": 0, "maskNormal": 1},
    **{"cmpNormal": 0, "RecordOpen": 1, "unlockControl": 0, "unlockOuttime": 30},
}
PRODUCTION = {
    **{"deviceType": 3, "devSerialUUID": "SN-1", "deviceName": "front door", "sensorType": 1},
    **{"screenSizeType": 2, "deviceCpuType": 4, "wifiFlage": 1, "wifiDefaultMode": 1},
    **{"defaultIPAddr": 3232235777, "languageType": 1, "GB28181Flage": 1, "P2PType": 1},
}
OBJECT_VALUES: dict[str, dict[str, Any]] = {
    "NetworkObject": NETWORK,
    "AudioObject": AUDIO,
    "SmartFaceObject": FACE,
    "PerParaObject": PERI,
    "ProductionObject": PRODUCTION,
}
# Object to the calls that set and report it; the others go through jsonCmd.
CALLED = {
    "NetworkObject": ("networkcfg", "network"),
    "SmartFaceObject": ("smartfacecfg", "smartface"),
    "PerParaObject": ("perparacfg", "perpara"),
}


async def set_object(terminal: RunningTerminal, name: str, values: dict[str, Any]) -> Any:
    if name in CALLED:
        return await terminal.call(CALLED[name][0], values)
    return await terminal.call("jsonCmd", {"cmd": "set", "object": name, "data": values})


async def get_object(terminal: RunningTerminal, name: str) -> Any:
    if name in CALLED:
        return (await terminal.call(CALLED[name][1]))["data"]
    return (await terminal.call("jsonCmd", {"cmd": "get", "object": name}))["json"]

"""Effective settings at the door, from the configuration and chapter 8.1."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from edge_agent.config import AgentConfig, LookingConfig, TemperatureConfig
from edge_agent.door.decision import Rules
from edge_agent.recognition import FACE_MAX_PX, FaceSettings, SnapshotKind
from edge_agent.upstream import MessageLanguage


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Effective settings; a new value replaces the old one between two visitors.

    Attributes:
        is_looking: whether faces are looked for at all (faceEnable).
        visit_gap_s: a face seen again within this time is the same visit (faceInterval).
        answer_timeout_s: how long a person at the door waits for the platform's word.
        measures_temperature: whether the thermometer is asked (tempDetecEnable).
        detects_masks: whether masks are detected and alarmed about (maskDetecEnable).
        has_voice: whether people are spoken to (voiceProswitch).
        message_language: language of ``openMsg`` (languageType).
        looking: how people before a live camera are followed and judged.
        temperature: how a body temperature is made of heat.
    """

    rules: Rules
    face: FaceSettings
    visit_gap_s: float
    answer_timeout_s: float
    is_looking: bool = True
    measures_temperature: bool = True
    detects_masks: bool = False
    has_voice: bool = True
    message_language: MessageLanguage = MessageLanguage.CHINESE
    looking: LookingConfig = field(default_factory=LookingConfig)
    temperature: TemperatureConfig = field(default_factory=TemperatureConfig)


def door_settings(
    config: AgentConfig,
    face: Mapping[str, Any],
    peri: Mapping[str, Any],
    production: Mapping[str, Any],
) -> DoorSettings:
    """Combine the configuration with the settings changed over the device interface.

    Args:
        config: holds for everything that was not changed.
        face: changed fields of SmartFaceObject, by wire name.
        peri: changed fields of PerParaObject, by wire name.
        production: changed fields of ProductionObject, by wire name.
    """
    rules = _rules(config, face, peri)
    face_settings = FaceSettings(
        is_comparing=bool(face.get("faceCmpEnable", 1)),
        least_score=face.get("faceThre", 0) / 10,
        face_min_px=face.get("faceMinsize", 0),
        face_max_px=face.get("faceMaxsize", FACE_MAX_PX),
        kind=SnapshotKind(face.get("imgType", 0)),
        draws_frame=bool(face.get("faceFrame", 0)),
    )
    settings = DoorSettings(
        rules=rules,
        face=face_settings,
        visit_gap_s=float(face.get("faceInterval", config.camera.visit_gap_s)),
        answer_timeout_s=config.answer_timeout_s,
        is_looking=bool(face.get("faceEnable", 1)),
        measures_temperature=bool(face.get("tempDetecEnable", 1)),
        detects_masks=bool(face.get("maskDetecEnable", 0)),
        has_voice=bool(peri.get("voiceProswitch", 1)),
        message_language=MessageLanguage(production.get("languageType", 0)),
        looking=config.looking,
        temperature=config.temperature,
    )
    # A mask can only be asked for where masks are looked at.
    if not settings.detects_masks:
        settings = replace(settings, rules=replace(settings.rules, mask_required=False))
    return settings


def _rules(config: AgentConfig, face: Mapping[str, Any], peri: Mapping[str, Any]) -> Rules:
    return Rules(
        decide=config.decide,
        unlock_delay_ms=(
            peri["unlockOuttime"] * 1000 if "unlockOuttime" in peri else config.unlock_delay_ms
        ),
        temperature_limit_c=face.get("tempWarnThre", config.temperature_limit_c),
        temperature_required=config.temperature_required,
        library_max_age_s=config.library_max_age_s,
        temperature_counts=bool(peri.get("tempNormal", 1)),
        mask_required=bool(peri.get("maskNormal", 0)),
        liveness_required=config.looking.liveness_required,
        opens_unrecorded=config.queue.open_unrecorded,
        # Two yeses: a caller with the password alone does not open this door to strangers.
        opens_unrecognised=config.unrecognised_may_pass and not peri.get("cmpNormal", 1),
    )


_DETECTOR_SCORE: Final = 6  # tenths: what the default detector asks for anyway
_AUDIO: Final = {
    **{"aencEnable": 0, "aencType": 3, "sampleRate": 8000, "aencbitrate": 64000},
    **{"micLine": 0, "volumeIn": 8, "volumeOut": 8},
}


def reported_defaults(config: AgentConfig, network: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the defaults that each settable object reports, by its name.

    What the configuration says beyond the seed's ranges is reported as the nearest value in them.
    """
    name = config.api.device_name or config.device_id[:16]
    has_thermometer = config.thermometer.driver != "none"
    return {
        "NetworkObject": dict(network),
        "AudioObject": dict(_AUDIO),
        "SmartFaceObject": {
            **{"faceEnable": 1, "faceCmpEnable": 1, "faceThre": _DETECTOR_SCORE},
            **{"faceMinsize": 30, "faceMaxsize": FACE_MAX_PX},
            "faceInterval": round(min(max(config.camera.visit_gap_s, 6), 20)),
            **{"imgType": 0, "maskDetecEnable": 0, "tempDetecEnable": int(has_thermometer)},
            "tempWarnThre": min(max(config.temperature_limit_c, 37.0), 37.5),
            **{"ftpPutImgEnable": 0, "faceFrame": 0},
        },
        "PerParaObject": {
            **{"detecTemMod": 0, "alarmType": 0, "voiceProswitch": 1, "tempNormal": 1},
            **{"maskNormal": 0, "cmpNormal": 1, "RecordOpen": 0, "unlockControl": 1},
            "unlockOuttime": min(max(round(config.unlock_delay_ms / 1000), 1), 30),
        },
        "ProductionObject": {
            **{"deviceType": 0, "devSerialUUID": config.device_id, "deviceName": name},
            **{"sensorType": 0, "screenSizeType": 0, "deviceCpuType": 0, "wifiFlage": 0},
            **{"wifiDefaultMode": 0, "defaultIPAddr": 0, "languageType": 0},
            **{"GB28181Flage": 0, "P2PType": 0},
        },
    }

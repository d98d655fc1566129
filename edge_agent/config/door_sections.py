"""Sections ``[looking]`` and ``[temperature]``: what pictures and heat become at the door."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge_agent.config.typed_tables import ranged


class LivenessMode(StrEnum):
    """How it is told whether a face is a person's and no picture of one."""

    NONE = "none"
    MOVEMENT = "movement"
    MODEL = "model"


class MaskMode(StrEnum):
    """How it is told whether a mask is worn."""

    NONE = "none"
    HEURISTIC = "heuristic"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class LookingConfig:
    """Section ``[looking]``.

    Attributes:
        motion_gate: whether faces are looked for only where something moves.
        decide_after_s: a visitor is decided about after this time at the latest, with the best
            picture so far; a good one is taken at once.
        good_quality: from here on a picture is good, 0 to 1.
        least_quality: below it a visitor is asked to look at the camera first, 0 to 1.
        liveness: how a living face is told from a picture of one; "none" trusts every face.
        liveness_required: whether the door stays closed as well when that cannot be told.
        liveness_model: folder of the classifier for ``model``, see
            `edge_agent.recognition.model_slot`.
        mask: how a mask is told; "none" sends `mask_assumed`.
        mask_model: folder of the classifier for ``model``.
        mask_unknown_passes: whether the local rule of a door that demands masks lets somebody in
            of whom it cannot tell.
    """

    motion_gate: bool = True
    decide_after_s: float = ranged(0.8, 0, 10)
    good_quality: float = ranged(0.5, 0, 1)
    least_quality: float = ranged(0.15, 0, 1)
    liveness: LivenessMode = LivenessMode.NONE
    liveness_required: bool = False
    liveness_model: Path = Path("liveness-model")
    mask: MaskMode = MaskMode.NONE
    mask_model: Path = Path("mask-model")
    mask_unknown_passes: bool = True


@dataclass(frozen=True, slots=True)
class TemperatureConfig:
    """Section ``[temperature]``: from a sensor's heat to a body temperature.

    Attributes:
        offset_c: added at the end, from comparing with a good thermometer.
        emissivity_factor: 1 when the sensor is set to skin (0.98) itself.
        core_offset_c: how much warmer the body is than a forehead at 23 °C.
        ambient_slope: by how much the forehead cools for each °C that the air is below 23 °C.
        distance_slope_c_per_m: what the sensor loses for each metre beyond `distance_m`.
        distance_m: distance at which the sensor was calibrated.
        focal_px: of the camera, in pixels, to estimate the distance from the eyes; 0 for unknown.
        sigma_most_c: a reading less certain than this is none.
    """

    offset_c: float = ranged(0.0, -5, 5)
    emissivity_factor: float = ranged(1.0, 0.9, 1.1)
    core_offset_c: float = ranged(2.0, -2, 8)
    ambient_slope: float = ranged(0.1, 0, 1)
    distance_slope_c_per_m: float = ranged(0.3, 0, 5)
    distance_m: float = ranged(0.5, 0.01, 10)
    focal_px: float = ranged(0.0, 0, 20_000)
    sigma_most_c: float = ranged(0.5, 0.05, 5)

"""Manifests of models: their files, expected digests, traits, and sources."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from face_engine.exceptions import ManifestInvalid

SourceKind = Literal["index-wheel", "index-sdist", "folder", "url"]

DEFAULT_DETECTOR = "yunet-2023mar"
DEFAULT_DESCRIPTOR = "sface-2021dec"
DEMO_PORTRAITS = "demo-portraits"


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One file: name, SHA-256 of its contents (hexadecimal), size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Source:
    """One place where files may come from.

    Attributes:
        kind: a distribution of the package index the user has configured, a folder, or a URL.
        files: names of the files it has; empty means all of the manifest.
        environment: variable that names the folder or the URL; unset means: skip this source.
        distribution, version, archive_sha256, member_prefix, pip_options: for the package index.
    """

    kind: SourceKind
    files: tuple[str, ...] = ()
    environment: str = ""
    distribution: str = ""
    version: str = ""
    archive_sha256: str = ""
    member_prefix: str = ""
    pip_options: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether this source offers the file of that name."""
        return not self.files or name in self.files


@dataclass(frozen=True, slots=True)
class GraphInput:
    """Input of the network: name, order of colours, (value - mean) * scale."""

    name: str
    colour: Literal["RGB", "BGR"]
    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class GraphShape:
    """Which axes of which inputs, and which axis of every output, get a name for a number."""

    symbolic: Mapping[str, Mapping[int, str]]
    symbolic_output_axis: int


@dataclass(frozen=True, slots=True, eq=False)
class DetectorTraits:
    """Numbers of an anchor-free detector of YuNet's family.

    Attributes:
        strides: pixels per cell of the three grids the network answers on.
        multiple: of which the height and width fed to the network must be.
        score_threshold: least score of a face, 0..1.
        nms_iou: boxes that overlap more than this are one face.
        close_up_px: side of the square close-up on which landmarks are looked at again.
        close_up_template: (5, 2) float32, where the landmarks of an upright face lie in it.
    """

    strides: tuple[int, ...]
    multiple: int
    score_threshold: float
    nms_iou: float
    close_up_px: int
    close_up_template: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class DescriptorTraits:
    """Numbers of a descriptor network.

    Attributes:
        chip_px: side of the aligned square picture it reads.
        dimension: length of a descriptor.
        alignment: name of the way of alignment; part of the contract id.
        template: (5, 2) float32, where the landmarks lie in the chip.
        target_far: how often a comparison of two different people may pass for the same one.
        threshold: cosine from which on two descriptors are the same person.
        impostor_mean, impostor_std: normal model of the cosine of different people.
    """

    chip_px: int
    dimension: int
    alignment: str
    template: NDArray[np.float32]
    target_far: float
    threshold: float
    impostor_mean: float
    impostor_std: float


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """One model, or one set of pictures."""

    kind: Literal["detector", "descriptor", "pictures"]
    name: str
    version: str
    variant: str
    licence: str
    origin: str
    files: tuple[AssetFile, ...]
    sources: tuple[Source, ...]
    graph_input: GraphInput | None
    graph_shape: GraphShape | None
    detector: DetectorTraits | None
    descriptor: DescriptorTraits | None


def load_manifest(name_or_path: str | Path) -> Manifest:
    """Read a manifest.

    Args:
        name_or_path: name of one that is packaged, or path of a TOML file.

    Raises:
        ManifestInvalid: when there is none, or it is not understood.
    """
    try:
        if isinstance(name_or_path, Path) or name_or_path.endswith(".toml"):
            text = Path(name_or_path).read_text(encoding="utf-8")
        else:
            folder = resources.files("face_engine") / "manifests"
            text = (folder / f"{name_or_path}.toml").read_text(encoding="utf-8")
        return _parse(tomllib.loads(text))
    except OSError as error:
        raise ManifestInvalid(f"no manifest {name_or_path}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestInvalid(f"manifest {name_or_path}: {error!r}") from error


def _parse(table: dict[str, Any]) -> Manifest:
    kind = table["kind"]
    if kind not in ("detector", "descriptor", "pictures"):
        raise ValueError(f"kind {kind!r}")
    is_model = kind != "pictures"
    return Manifest(
        kind=kind,
        name=table["name"],
        version=table["version"],
        variant=table.get("variant", ""),
        licence=table["licence"],
        origin=table["origin"],
        files=tuple(_parse_file(entry) for entry in table["files"]),
        sources=tuple(_parse_source(entry) for entry in table["sources"]),
        graph_input=GraphInput(**table["input"]) if is_model else None,
        graph_shape=_parse_shape(table["graph"]) if is_model else None,
        detector=_parse_detector(table["detector"]) if kind == "detector" else None,
        descriptor=_parse_descriptor(table["descriptor"]) if kind == "descriptor" else None,
    )


def _parse_file(entry: dict[str, Any]) -> AssetFile:
    asset = AssetFile(**entry)
    if len(asset.sha256) != 64 or asset.name != Path(asset.name).name or asset.size < 1:
        raise ValueError(f"file {asset.name!r}")
    return asset


def _parse_source(entry: dict[str, Any]) -> Source:
    lists: dict[str, Any] = {
        key: tuple(entry[key]) for key in ("files", "pip_options") if key in entry
    }
    source = Source(**(entry | lists))
    if source.kind in ("folder", "url"):
        complete = bool(source.environment)
    elif source.kind in ("index-wheel", "index-sdist"):
        complete = bool(source.distribution and source.version and source.archive_sha256)
    else:
        complete = False
    if not complete:
        raise ValueError(f"source of kind {source.kind!r}")
    return source


def _parse_shape(entry: dict[str, Any]) -> GraphShape:
    symbolic = {
        name: {int(axis): label for axis, label in axes.items()}
        for name, axes in entry["symbolic"].items()
    }
    return GraphShape(symbolic=symbolic, symbolic_output_axis=entry["symbolic_output_axis"])


def _parse_detector(entry: dict[str, Any]) -> DetectorTraits:
    return DetectorTraits(
        strides=tuple(entry["strides"]),
        multiple=entry["multiple"],
        score_threshold=entry["score_threshold"],
        nms_iou=entry["nms_iou"],
        close_up_px=entry["close_up_px"],
        close_up_template=_five_points(entry["close_up_template"]),
    )


def _parse_descriptor(entry: dict[str, Any]) -> DescriptorTraits:
    return DescriptorTraits(
        chip_px=entry["chip_px"],
        dimension=entry["dimension"],
        alignment=entry["alignment"],
        template=_five_points(entry["template"]),
        target_far=entry["target_far"],
        threshold=entry["threshold"],
        impostor_mean=entry["impostor_mean"],
        impostor_std=entry["impostor_std"],
    )


def _five_points(entry: list[list[float]]) -> NDArray[np.float32]:
    points = np.asarray(entry, dtype=np.float32)
    if points.shape != (5, 2):
        raise ValueError("not five points")
    return points

"""How well are people distinguished, and what do tilt, blur, size and light do to it?

The numbers behind docs/faces.md: the threshold, the limits of the quality report, the effect of
looking at landmarks closely. Needs the evaluation photos (``MENJIN_PHOTOS``, a folder with
``pairs.csv`` and ``pairs/``), which are not part of the project; adds the demonstration portraits.
Nothing is timed.
"""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from _report import machine, print_table, standard_arguments
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from face_engine import assess, decode_image, install_models, install_portraits, normalise_photo
from face_engine._engine import OnnxFaceEngine, build_engine
from face_engine.base import RgbImage

RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# Part of the impostors that the second estimate, for comparison, takes for the tail.
TAIL = 0.15

Rows = dict[str, NDArray[np.float32]]
Pairs = list[tuple[str, str, bool]]


def main() -> int:
    """Measure, print, keep; exit code 1 when the pairs are not separated."""
    arguments = standard_arguments(__doc__.split("\n", 1)[0], repeats=2000).parse_args()
    folder = Path(os.environ.get("MENJIN_PHOTOS", Path(__file__).parents[2] / "shared" / "photos"))
    if not (folder / "pairs.csv").is_file():
        print(f"no evaluation photos in {folder} (MENJIN_PHOTOS)")
        return 2
    engines = {
        "as run": build_engine(install_models(print)),
        "no close look": build_engine(close_ups_most=0),
    }
    photos = {path.name: decode_image(path.read_bytes()) for path in (folder / "pairs").iterdir()}
    pairs = _pairs(folder)
    portraits = {
        name: decode_image(path.read_bytes()) for name, path in install_portraits(print).items()
    }
    outcome: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds")}
    outcome["machine"] = machine()
    outcome["pairs"] = {
        f"{name}, {size} px": _separation(_describe(engine, photos, size), pairs)
        for name, engine in engines.items()
        for size in (160, 320, 480)
    }
    _print("pairs", outcome["pairs"])
    rows = _describe(engines["as run"], photos, 320)
    repeats = 50 if arguments.quick else arguments.repeats
    outcome["threshold"] = _thresholds(rows, pairs, repeats, arguments.seed)
    _print("threshold by false-accept rate", outcome["threshold"])
    outcome["changes"] = {
        name: _under_changes(engine, {**photos, **portraits}, quick=arguments.quick)
        for name, engine in engines.items()
    }
    for name, changes in outcome["changes"].items():
        _print(f"the same photo, changed: cosine with itself ({name})", changes)
    if not arguments.quick:
        arguments.results.mkdir(parents=True, exist_ok=True)
        path = arguments.results / f"{datetime.now(UTC):%Y-%m-%d}-faces.json"
        path.write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
        print(f"written: {path}")
    as_run = outcome["pairs"]["as run, 320 px"]
    return 0 if as_run["impostor_max"] < as_run["genuine_min"] else 1


def _pairs(folder: Path) -> Pairs:
    with (folder / "pairs.csv").open(newline="", encoding="utf-8") as table:
        return [
            (row["file_x"], row["file_y"], row["same"] == "yes") for row in csv.DictReader(table)
        ]


def _describe(engine: OnnxFaceEngine, photos: dict[str, RgbImage], size: int) -> Rows:
    return {
        name: engine.describe(image, engine.detect(image, size=size)[:1])[0]
        for name, image in photos.items()
    }


def _cosines(rows: Rows, pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of one person, and of two."""
    genuine = [float(rows[one] @ rows[other]) for one, other, same in pairs if same]
    impostor = [float(rows[one] @ rows[other]) for one, other, same in pairs if not same]
    return np.array(genuine), np.array(impostor)


def _separation(rows: Rows, pairs: Pairs) -> dict[str, float]:
    genuine, impostor = _cosines(rows, pairs)
    spread = np.sqrt((genuine.var(ddof=1) + impostor.var(ddof=1)) / 2)
    return {
        "genuine_min": round(float(genuine.min()), 4),
        "genuine_mean": round(float(genuine.mean()), 4),
        "genuine_std": round(float(genuine.std(ddof=1)), 4),
        "impostor_max": round(float(impostor.max()), 4),
        "impostor_mean": round(float(impostor.mean()), 4),
        "impostor_std": round(float(impostor.std(ddof=1)), 4),
        "d_prime": round(float((genuine.mean() - impostor.mean()) / spread), 2),
    }


def _thresholds(rows: Rows, pairs: Pairs, repeats: int, seed: int) -> dict[str, Any]:
    """By a normal model, its range when other people had been photographed, and by the tail."""
    genuine, impostor = _cosines(rows, pairs)
    model = NormalDist(float(impostor.mean()), float(impostor.std(ddof=1)))
    accepted = NormalDist(float(genuine.mean()), float(genuine.std(ddof=1)))
    resampled = list(_resampled_models(rows, pairs, repeats, seed))
    table = {}
    for rate in RATES:
        threshold = model.inv_cdf(1 - rate)
        others = sorted(other.inv_cdf(1 - rate) for other in resampled)
        table[f"{rate:g}"] = {
            "normal": round(threshold, 4),
            "low": round(others[int(0.025 * len(others))], 4),
            "high": round(others[int(0.975 * len(others)) - 1], 4),
            "tail": round(_tail_threshold(impostor, rate), 4),
            "false_rejects": float(f"{accepted.cdf(threshold):.2g}"),
        }
    return table


def _people(rows: Rows, pairs: Pairs) -> dict[str, set[str]]:
    """Photos by person, from the pairs that show one."""
    group = {name: {name} for name in rows}
    for one, other, same in pairs:
        if same and group[one] is not group[other]:
            joined = group[one] | group[other]
            group.update(dict.fromkeys(joined, joined))
    return {min(names): names for names in group.values()}


def _resampled_models(rows: Rows, pairs: Pairs, repeats: int, seed: int) -> Iterator[NormalDist]:
    """Normal models from people drawn with replacement (bootstrap over people, not photos)."""
    people = list(_people(rows, pairs).values())
    between = {
        (one, other): [
            float(rows[first] @ rows[second])
            for first in sorted(people[one])
            for second in sorted(people[other])
        ]
        for one in range(len(people))
        for other in range(one)
    }
    generator = np.random.default_rng(seed)
    for _ in range(repeats):
        drawn = generator.integers(0, len(people), len(people))
        values = [
            value
            for place, one in enumerate(drawn)
            for other in drawn[:place]
            if one != other
            for value in between[(max(one, other), min(one, other))]
        ]
        yield NormalDist(float(np.mean(values)), float(np.std(values, ddof=1)))


def _tail_threshold(impostor: NDArray[np.float64], rate: float) -> float:
    """Peaks over threshold: a generalised Pareto tail by the method of moments."""
    start = float(np.quantile(impostor, 1 - TAIL))
    excess = impostor[impostor > start] - start
    mean, variance = float(excess.mean()), float(excess.var(ddof=1))
    shape = 0.5 * (1 - mean * mean / variance)
    scale = 0.5 * mean * (mean * mean / variance + 1)
    return float(start + scale / shape * ((rate / TAIL) ** (-shape) - 1))


def _under_changes(
    engine: OnnxFaceEngine, photos: dict[str, RgbImage], *, quick: bool
) -> dict[str, dict[str, float]]:
    """For each change: how often a face is found, the cosine, and what the report measures."""
    table = {}
    original = _describe(engine, photos, 320)
    for name, change in _changes().items():
        cosines, reports = [], []
        for photo, image in list(photos.items())[: 4 if quick else None]:
            changed = change(image, engine)
            faces = engine.detect(changed)
            if faces:
                cosines.append(float(engine.describe(changed, faces[:1])[0] @ original[photo]))
                reports.append(assess(changed, faces))
        if not reports:
            table[name] = {"found": 0.0}
            continue
        table[name] = {
            "found": float(len(reports)),
            "cosine_min": round(min(cosines), 3),
            "cosine_mean": round(float(np.mean(cosines)), 3),
            "refused": float(sum(not report.acceptable for report in reports)),
            "sharpness": round(float(np.median([r.sharpness for r in reports])), 4),
            "brightness": round(float(np.median([r.brightness for r in reports])), 1),
            "contrast": round(float(np.median([r.contrast for r in reports])), 1),
            "overexposed": round(float(np.median([r.overexposed for r in reports])), 2),
            "roll_deg": round(float(np.median([r.roll_deg for r in reports])), 1),
        }
    return table


Change = Callable[[RgbImage, OnnxFaceEngine], RgbImage]


def _changes() -> dict[str, Change]:
    changes: dict[str, Change] = {"none": lambda image, _: image, "stored photo": _stored}
    changes |= {f"turned {angle} deg": _turned(angle) for angle in (10, 20, 30, 45)}
    changes |= {
        f"blurred by {part:g} of the face": _blurred(part) for part in (0.01, 0.015, 0.02, 0.03)
    }
    changes |= {f"face of {side} px": _scaled(side) for side in (120, 80, 60, 40, 30)}
    changes |= {f"light times {gain:g}": _lit(gain, 0.0) for gain in (0.1, 0.2, 0.3, 0.4, 1.3, 1.6)}
    changes |= {f"contrast times {gain:g}": _lit(gain, 128.0) for gain in (0.5, 0.3, 0.2, 0.1)}
    return changes


def _stored(image: RgbImage, engine: OnnxFaceEngine) -> RgbImage:
    return decode_image(normalise_photo(image, engine.detect(image)[0]))


def _turned(angle_deg: float) -> Change:
    return lambda image, _: np.asarray(
        Image.fromarray(image).rotate(angle_deg, Image.Resampling.BICUBIC, expand=True)
    )


def _blurred(part: float) -> Change:
    def change(image: RgbImage, engine: OnnxFaceEngine) -> RgbImage:
        radius = part * engine.detect(image)[0].size_px
        return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))

    return change


def _scaled(face_px: float) -> Change:
    def change(image: RgbImage, engine: OnnxFaceEngine) -> RgbImage:
        factor = face_px / engine.detect(image)[0].size_px
        size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))

    return change


def _lit(gain: float, middle: float) -> Change:
    return lambda image, _: np.clip(middle + gain * (image - middle), 0, 255).astype(np.uint8)


def _print(title: str, table: dict[str, dict[str, float]]) -> None:
    print(f"\n{title}")
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    print_table(
        ["", *columns],
        [[name, *(row.get(column, "") for column in columns)] for name, row in table.items()],
    )


if __name__ == "__main__":
    sys.exit(main())

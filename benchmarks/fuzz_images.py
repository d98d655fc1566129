"""Fuzzer of picture decoding: no file may fail in an undocumented way.

Files of every kind that is read, with mutated EXIF, ICC, JFIF and MPF segments, PNG and RIFF
chunks, headers, scans and ends, are decoded. Each becomes a picture or an ``ImageUnreadable``;
whether warnings are errors makes no difference, and none takes long.

    python benchmarks/fuzz_images.py --inputs 50000 --seed 1
"""

import argparse
import sys
import time
import warnings
from collections import Counter
from itertools import islice

from face_engine import ImageUnreadable, decode_partial
from tests.support.broken_pictures import BrokenPictures

# A picture of 50 million points, the largest allowed, on a busy machine.
LONGEST_S = 15.0
_FAILURES_SHOWN = 10


def outcome(raw: bytes) -> str:
    """Return the outcome of a file in one word; any other exception is a failure."""
    try:
        found = decode_partial(raw)
    except ImageUnreadable as error:
        return error.code
    height, width, bands = found.pixels.shape
    if bands != 3 or not (height and width):
        return f"shape {found.pixels.shape}"
    return "read" if found.is_whole else "read in part"


def main() -> int:
    """Decode the files, print the outcomes, and return 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=50_000, metavar="NUMBER")
    parser.add_argument("--seed", type=int, default=1, metavar="NUMBER")
    chosen = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    failures: list[str] = []
    for number, (name, raw) in enumerate(islice(BrokenPictures(chosen.seed), chosen.inputs)):
        begun_s = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error" if number % 2 else "ignore")
                word = outcome(raw)
        except Exception as error:
            failures.append(f"{number} {name}: {type(error).__name__}: {error}")
            word = "FAILED"
        if (took_s := time.perf_counter() - begun_s) > LONGEST_S:
            failures.append(f"{number} {name}: {took_s:.1f} s")
        counts[name.partition(":")[0].partition("-")[0], word] += 1
    for (kind, word), count in sorted(counts.items()):
        print(f"{kind:6} {word:20} {count:7}")
    print(f"{sum(counts.values())} files of seed {chosen.seed}, {len(failures)} failures")
    for failure in failures[:_FAILURES_SHOWN]:
        print(failure)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())

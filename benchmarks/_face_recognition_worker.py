"""Worker of bench_photo_to_identity: face_recognition with its defaults, for comparison.

Runs in an environment of its own, in which nothing of this project is installed. Reads one JSON
object a line, answers with one a line:

    {"enrol": {"name": "path", ...}, "fillers": 998, "seed": 1}  ->  {"gallery": 1000}
    {"photo": "path"}  ->  {"person": "name", "seconds": 0.4}
"""

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import face_recognition
import numpy as np

# The package's own default tolerance, the greatest distance of one person's descriptors.
TOLERANCE = 0.6


class Gallery:
    """Names and descriptors, and the pipeline from bytes to a name."""

    def __init__(self, enrol: dict[str, str], fillers: int, seed: int) -> None:
        self.names = list(enrol)
        known = [self._describe(Path(path).read_bytes())[0] for path in enrol.values()]
        length = float(np.mean([np.linalg.norm(row) for row in known]))
        random = np.random.default_rng(seed).normal(size=(fillers, 128))
        random *= length / np.linalg.norm(random, axis=1, keepdims=True)
        self.rows = np.concatenate([np.stack(known), random])
        self.names += [f"filler{number}" for number in range(fillers)]

    def recognise(self, raw: bytes) -> str:
        """Return the name of the person on a photo, or no match."""
        found = self._describe(raw)
        if not found:
            return "nobody"
        distances = face_recognition.face_distance(self.rows, found[0])
        nearest = int(np.argmin(distances))
        return self.names[nearest] if distances[nearest] <= TOLERANCE else "nobody"

    @staticmethod
    def _describe(raw: bytes) -> list[Any]:
        image = face_recognition.load_image_file(io.BytesIO(raw))
        places = face_recognition.face_locations(image)
        return list(face_recognition.face_encodings(image, places))


def main() -> None:
    """Answer line by line until the input ends."""
    first = json.loads(sys.stdin.readline())
    gallery = Gallery(first["enrol"], first["fillers"], first["seed"])
    print(json.dumps({"gallery": len(gallery.names)}), flush=True)
    for line in sys.stdin:
        raw = Path(json.loads(line)["photo"]).read_bytes()
        start = time.perf_counter()
        person = gallery.recognise(raw)
        elapsed = time.perf_counter() - start
        print(json.dumps({"person": person, "seconds": elapsed}), flush=True)


if __name__ == "__main__":
    main()

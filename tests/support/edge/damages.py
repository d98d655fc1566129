"""What befalls a terminal's file."""

import random
from pathlib import Path


def flipped(raw: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 3, 40])):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)


def page_lost(raw: bytearray, rng: random.Random) -> None:
    begin = rng.randrange(len(raw) // 4096) * 4096
    raw[begin : begin + 4096] = rng.choice([bytes(4096), rng.randbytes(4096)])


def cut(raw: bytearray, rng: random.Random) -> None:
    del raw[rng.randrange(len(raw)) :]


def header_flipped(raw: bytearray, rng: random.Random) -> None:
    raw[rng.randrange(100)] ^= 1 << rng.randrange(8)


DAMAGES = {one.__name__: one for one in (flipped, page_lost, cut, header_flipped)}


def damage(path: Path, kind: str, seed: int) -> None:
    raw = bytearray(path.read_bytes())
    DAMAGES[kind](raw, random.Random(seed))
    path.write_bytes(raw)

"""What befalls a terminal's file."""

import random
from pathlib import Path


def flipped(raw: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 3, 40])):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)


def page_lost(raw: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(raw) // 4096) * 4096
    raw[begin : begin + 4096] = chance.choice([bytes(4096), chance.randbytes(4096)])


def cut(raw: bytearray, chance: random.Random) -> None:
    del raw[chance.randrange(len(raw)) :]


def header_flipped(raw: bytearray, chance: random.Random) -> None:
    raw[chance.randrange(100)] ^= 1 << chance.randrange(8)


DAMAGES = {one.__name__: one for one in (flipped, page_lost, cut, header_flipped)}


def damage(path: Path, kind: str, seed: int) -> None:
    raw = bytearray(path.read_bytes())
    DAMAGES[kind](raw, random.Random(seed))
    path.write_bytes(raw)

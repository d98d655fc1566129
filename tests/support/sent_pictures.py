"""Pictures as terminals send them, and as they are stored."""

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image

from records.models import Record

RED, BLUE, WHITE = (200, 30, 30), (30, 30, 200), (255, 255, 255)


def two_colours(width: int = 96, height: int = 64) -> Image.Image:
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return a picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sent(raw: bytes) -> str:
    """Return a file as a terminal sends it."""
    return base64.b64encode(raw).decode()


def stored(record: Record) -> bytes:
    """Return what was stored of a record's picture."""
    assert record.picture is not None
    with record.picture.image.open() as file:
        return bytes(file.read())


def shown(record: Record) -> Image.Image:
    """Return a record's stored picture, opened as a JPEG and nothing else."""
    return Image.open(io.BytesIO(stored(record)), formats=["JPEG"])


def picture(path: Path) -> str:
    """Return a file as a terminal sends it."""
    return base64.b64encode(path.read_bytes()).decode()

"""People as programs enter them by the REST interface."""

import io
from typing import Any

from PIL import Image
from rest_framework.test import APIClient

from devices.models import Site

PEOPLE = "/api/v1/people/"


def enter(caller: APIClient, place: Site, *, as_form: bool = False, **fields: Any) -> Any:
    """Enter a person at a site and return the response."""
    body = {"site": place.pk, "user_id": "1001", "name": "王芳", **fields}
    return caller.post(PEOPLE, body, format="multipart" if as_form else "json")


def blank_picture(size: int = 400, kind: str = "JPEG") -> bytes:
    """Return a picture without anybody in it."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), "white").save(buffer, kind)
    return buffer.getvalue()

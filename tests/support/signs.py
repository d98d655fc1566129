"""Records as a terminal keeps them (seed 8.3.1)."""

import base64
import io
import time
from typing import Any

from PIL import Image


def picture(shade: int = 90) -> str:
    """Return a small picture in base64."""
    buffer = io.BytesIO()
    Image.new("RGB", (48, 48), (shade, shade, shade)).save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode()


def sign(number: int, *, user_id: str = "1001", ago_s: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a SignObject of somebody the terminal knew; without a user id, of a stranger."""
    return {
        "id": number,
        "userId": user_id,
        "userType": 1 if user_id else -1,
        "type": 1 if user_id else -1,
        "name": "Barack Obama" if user_id else "",
        "icNumber": "",
        "jobNumber": "",
        "mobile": "",
        "remark": "",
        "signTime": int(time.time()) - ago_s,
        "inputType": 1,
        "similarity": 88,
        "temperature": 36.4,
        "temperatureState": 0,
        "wearMask": True,
        "wearMaskAlarm": False,
        "deviceMark": "gate",
        "signAvatar": picture(number % 200),
        **changes,
    }


def upload_of(one: dict[str, Any], *, img: str | None = None) -> dict[str, Any]:
    """Return the same pass as the terminal uploads it (seed 9.2)."""
    return {
        "userId": one["userId"],
        "userName": one["name"],
        "screenTime": one["signTime"],
        "temperature": str(one["temperature"]),
        "mask": one["wearMask"],
        "similarity": one["similarity"],
        "img": img or one["signAvatar"],
    }

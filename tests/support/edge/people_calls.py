"""People and photos as the calls about people take them."""

import base64

from tests.support.edge.fakes import person_jpeg

ANN, BOB, UNRECOGNISED = 100, 200, 0


def photo_of(shade: int, *, remark: bytes = b"") -> str:
    return base64.b64encode(person_jpeg(shade, remark=remark)).decode()

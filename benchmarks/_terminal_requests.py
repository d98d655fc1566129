"""Requests for fuzz_terminal_api.py: those that terminals send, and hostile ones."""

import base64
import io
import json
import random
import string
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from PIL import Image

BODY_LIMIT_BYTES = 1024 * 1024
KINDS = ("syface", "syattribute", "syresult", "syheartbeat", "syrecord")
_CARD = {"name": "张三", "gender": "男", "national": "汉族", "birthday": "19961122",
         "address": "湖南省永州市xxx县", "id": "43112319961122xxxx", "maker": "xxx县公安局",
         "startDate": "2012.11.22", "endDate": "2022.11.22"}  # fmt: skip
_FACE = {"userId": "111222", "userName": "李二壮", "userType": "student", "deviceId": "0000001",
         "uuid": "SY001", "nationCode": "XXX社区", "actionCode": 1, "action": "进门",
         "temperature": "36.5°C", "mask": True, "screenTime": 1487295360, "similarity": 80,
         "idCardInfo": _CARD, "img": "IMG", "IDCardImg": "IMG"}  # fmt: skip
_READING = {"deviceid": "0000001", "uuid": "SY001", "temperature": "36.3", "mask": True,
            "nationCode": "XXX社区", "openCode": 100, "openMsg": "开门成功",
            "screenTime": 1487295360, "img": "IMG"}  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    "syface": _FACE,
    "syattribute": {"Info": _READING},
    "syresult": {"resultList": {"userID": "111222", "status": "100", "msg": "操作成功"}},
    "syheartbeat": {"Heartinfo": {"deviceid": "111222", "ServerURL": "www.example.com"}},
    "syrecord": {},
}
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**31, 2**63, 10**40, -(10**4000), 1e308, float("inf")),
    *(float("nan"), "", " ", "0", "null", "是", "３６．５℃", "97.9°F", "36,5", "1e999", "9" * 5000),
    *("\x00", "\ud800", "‮", "x" * 33, "名" * 300, "'; DROP TABLE records_record; --", "${7*7}"),
    *([], {}, [[]], [{"a": 1}], {"a": {"b": [None]}}, "{", '{"a":1}', "<svg/>", "../../etc/passwd"),
    *(1487295360000, "2017-02-17T09:36:00+08:00", "9999-12-31T23:59:59+00:00", 253402300800, -62e9),
)
CONTENT_TYPES = (
    *("application/json", "application/json; charset=gbk", "text/plain", "text/html", "image/jpeg"),
    *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary="),
    *("multipart/form-data; boundary=x", "multipart/mixed; boundary=x", "", "x", ";;;=\xff", "/"),
    *("application/json; charset=no-such", "text/json;charset=utf-16", "a" * 3000),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: headers may repeat; a chunked body has no Content-Length."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunked: bool


def pictures() -> list[str]:
    """Return pictures as terminals might send them: sound, cut, foreign, bombs, no picture."""

    def encoded(kind: str, size: tuple[int, int]) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", size, (120, 90, 60)).save(buffer, kind)
        return buffer.getvalue()

    jpeg = encoded("JPEG", (64, 64))
    bomb = bytearray(encoded("PNG", (8, 8)))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    raw = [jpeg, jpeg[:200], encoded("PNG", (32, 32)), encoded("WEBP", (32, 32)), bytes(bomb),
           encoded("BMP", (16, 16)), b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
           b"\xff\xd8\xff", b"\x00" * 300]  # fmt: skip
    texts = [base64.b64encode(one).decode() for one in raw]
    return [*texts, "data:image/jpeg;base64," + texts[0], "", "!!!", texts[0][:-3]]


class Generator:
    """Makes requests from a random number generator; the same seed makes the same requests."""

    def __init__(self, seed: str, token: str, grants: list[str]) -> None:
        self.random = random.Random(seed)
        self.token, self.grants = token, grants
        self.pictures = pictures()

    def request(self) -> Request:
        """Return the next request."""
        kind = self.random.choice(KINDS)
        body, fitting_type = self._body(kind)
        usual = "GET" if kind == "syrecord" else "POST"
        method = usual if self._often() else self.random.choice(
            ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND")
        )  # fmt: skip
        target = self._target(kind)
        if target.startswith("/i/"):
            method = self.random.choice(("GET", "GET", "GET", "HEAD", "POST"))
        if method in {"GET", "HEAD"} and self._often():
            body = b""
        chunked = bool(body) and self.random.random() < 0.03
        return Request(method, target, tuple(self._headers(fitting_type)), body, chunked)

    def _often(self) -> bool:
        return self.random.random() < 0.9

    def _text(self, longest: int = 24) -> str:
        alphabet = self.random.choice(
            (string.printable, "名字张三0a", "\x00\x01\x7f\u202e\ufeff/%?")
        )
        return "".join(self.random.choices(alphabet, k=self.random.randint(0, longest)))

    def _target(self, kind: str) -> str:
        rng = self.random.random()
        if rng < 0.05:
            name = self.random.choice([*self.grants, self._text(90), "A" * 40])
            return f"/i/{quote(name, safe='')}{self.random.choice(('.jpg', '.jpg', '', '.png'))}"
        start = self.random.choice((f"/t/{self.token}",) * 80 + (
            "", "/t/", "/t/wrong", f"/t/{self.token}x", f"/t/{self.token[:-1]}", "/%74/x", "/t/%00",
            f"/t/{quote(self._text(), safe='')}", f"/t/{self.token}/", f"/t/{self.token}/+",
            f"/t/{'t' * 3000}",
        ))  # fmt: skip
        if start.endswith(("/+",)) or self._often():
            name = kind
        else:
            name = self.random.choice(
                ("sy", "syFACE", "syface%20", "syface%2f1", "syunknown", "s%79")
            )
        slash = "" if start.endswith(("/", "+")) else "/"
        target = f"{start}{slash}{name}/{self._device_id()}"
        # Only what the terminal API answers is asked; without a token that is /sy….
        if not target.startswith(("/t/", "/sy", "/%74/")):
            target = f"/sy{target.removeprefix('/s%79').lstrip('/')}"
        return target + self._query(kind)

    def _device_id(self) -> str:
        if self._often():
            return f"{self.random.randint(1, 40):07d}"
        return self.random.choice((
            "", "%", "%zz", "%f", "%ff%fe", "%00", "%0d%0aX:1", "%E5%BC%A0", "..%2f..", "../../x",
            "1/", "1//", "+1", "%252525", "x" * 32, "x" * 33, "x" * 8000, "1;a=b", "1#f", "1&2",
            quote(self._text(), safe=""),
        ))  # fmt: skip

    def _query(self, kind: str) -> str:
        if kind != "syrecord" and self._often():
            return ""
        value = self.random.choice((
            "0", "1", str(int(time.time())), str(2**63), "9" * 30, "-1", "", "abc", "%00", "%ff",
            "1.5", "1e9", "%EF%BC%91", "0&lastQueryTime=5", "9" * 6000,
            quote(self._text(), safe=""),
        ))  # fmt: skip
        name = self.random.choice(("lastQueryTime",) * 8 + ("LASTQUERYTIME", "%", "a[b]", "&&=&"))
        return f"?{name}={value}"

    def _headers(self, fitting_type: str) -> list[tuple[str, str]]:
        host = "127.0.0.1" if self._often() else self.random.choice(
            ("evil.example", "a" * 2000, "127.0.0.1:99999", "[::1", "\xe4\xe4", "", "a,b")
        )  # fmt: skip
        kind = fitting_type if self.random.random() < 0.6 else self.random.choice(CONTENT_TYPES)
        headers = [("Host", host), ("Content-Type", kind)]
        while self.random.random() < 0.3:
            headers.append(self.random.choice((
                ("Content-Type", "text/html"), ("X-Forwarded-For", "1.2.3.4, nonsense, ::1"),
                ("X-Forwarded-For", "x" * 2000), ("X-Forwarded-Proto", "https"),
                ("Accept", "text/html"), ("Accept-Language", "zh,\xff"), ("Cookie", "a=b; " * 99),
                ("Authorization", "Basic \xff"), ("If-None-Match", '"x"'),
                ("X-Request-ID", "\xe9" * 99),
                ("Content-Encoding", "gzip"), ("Range", "bytes=0-1"), ("User-Agent", ""),
                ("X-HTTP-Method-Override", "DELETE"), ("Origin", "null"), ("X-Odd", "\t;=,\"'"),
            )))  # fmt: skip
        return headers

    def _body(self, kind: str) -> tuple[bytes, str]:
        rng = self.random.random()
        if rng < 0.06:
            return self.random.randbytes(self.random.randint(0, 2000)), "application/octet-stream"
        if rng < 0.08:
            return self._monster(), "application/json"
        message = self._mutated(EXAMPLES[kind])
        if rng < 0.16:
            fields = {key: value if isinstance(value, str) else json.dumps(value)
                      for key, value in message.items()}  # fmt: skip
            if self.random.random() < 0.5:
                fields = {"json": json.dumps(message, ensure_ascii=False)}
            if self.random.random() < 0.5:
                form = urlencode(fields, errors="replace")
                return form.encode(), "application/x-www-form-urlencoded"
            return self._multipart(fields), "multipart/form-data; boundary=x"
        text = json.dumps(message, ensure_ascii=self.random.random() < 0.3)
        return self._damaged(text), "application/json"

    def _monster(self) -> bytes:
        """Return something large or deep, a little below and a little above the limits."""
        deep = self.random.choice((31, 33, 900, 20_000))
        return self.random.choice((
            lambda: b"[" * deep,
            lambda: b'{"a":' * deep + b"1" + b"}" * deep,
            lambda: b'{"Info":' * deep,
            lambda: b'{"userId":' + b"9" * 100_000 + b"}",
            lambda: json.dumps({f"k{number}": number for number in range(5000)}).encode(),
            lambda: b'{"img":"' + b"QUJD" * 60_000 + b'"}',
            lambda: b"a=1&" * 20_000,
            lambda: b"'" * 30_000,
            lambda: b'{"userId":"1",' + b"," * 50_000,
            lambda: b"x" * (BODY_LIMIT_BYTES + 1),
        ))()  # fmt: skip

    def _mutated(self, example: dict[str, Any]) -> dict[str, Any]:
        message = {
            key: self._mutated(value) if isinstance(value, dict) else value
            for key, value in example.items()
        }
        for key in list(message):
            if message[key] == "IMG":
                message[key] = self.random.choice(self.pictures)
            elif key == "screenTime" and self._often():
                message[key] = int(time.time()) + self.random.randint(-1000, 1000)
            rng = self.random.random()
            if rng < 0.05:
                del message[key]
            elif rng < 0.15:
                message[key] = self.random.choice(ODD_VALUES)
            elif rng < 0.18:
                message[f" {key.upper()}"] = message.pop(key)
            elif rng < 0.20:
                message[key] = [message[key], self._text()]
        if self.random.random() < 0.1:
            message[self._text()] = self.random.choice(ODD_VALUES)
        return message

    def _damaged(self, text: str) -> bytes:
        change = self.random.random()
        if change < 0.05:
            text = text.replace('"', "'")
        elif change < 0.10:
            text = text.replace("}", ",}")
        elif change < 0.14:
            text = json.dumps(text)
        elif change < 0.18:
            text = text[: self.random.randint(0, len(text))]
        elif change < 0.22:
            text = f"[{text},{text}]"
        coding = self.random.choice(("utf-8",) * 8 + ("gb18030", "utf-8-sig", "utf-16", "latin-1"))
        raw = bytearray(text.encode(coding, "replace"))
        while raw and self.random.random() < 0.1:
            raw[self.random.randrange(len(raw))] = self.random.randrange(256)
        return bytes(raw)

    def _multipart(self, fields: dict[str, str]) -> bytes:
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        file = '--x\r\nContent-Disposition: form-data; name="img"; filename="a.jpg"\r\n\r\n'
        raw = "".join(parts).encode("utf-8", "replace") + file.encode() + self.random.randbytes(99)
        return raw + self.random.choice((b"\r\n--x--\r\n", b"", b"\r\n--x", b"\r\n--y--"))

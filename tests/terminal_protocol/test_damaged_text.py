"""Bytes that are no correct UTF-8: cut, Chinese, halves of characters, all of them at once."""

import contextlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from terminal_protocol import FaceMatch, TemperatureReading, UnreadableBody, read_body

CASES = Path(__file__).parents[1] / "menjin" / "raw_cases"
CUT = "\ufffd"
# Newer than Python's tables, for private use (rare names in GB 18030), and no characters at all.
KEPT = "\U00031350 \ue000 \U000f0000 \u2fff \ufdd0"
ANY = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='"\\')
ANY_TEXT = st.text(ANY, max_size=8)
BEYOND_ASCII = st.characters(min_codepoint=0x80, exclude_categories=("Cs", "Cc"))
# The first level of GB 2312: what nearly all names are written with.
COMMON = [
    bytes((high, low)).decode("gb2312") for high in range(0xB0, 0xD7) for low in range(0xA1, 0xFF)
]
NAME = st.text(st.sampled_from(COMMON), min_size=2, max_size=6)


def message_of(case: str) -> FaceMatch:
    body = (CASES / case).read_bytes().split(b"\r\n\r\n", 1)[1]
    reading = read_body(body)
    message = FaceMatch.from_wire(reading.data)
    return FaceMatch.from_wire({**reading.data, "faults": [*reading.repairs, *message.faults]})


def body_of(name: bytes, area: bytes = b"") -> bytes:
    return b'{"userId": "1001", "userName": "' + name + b'", "nationCode": "' + area + b'"}'


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("case", "name", "area", "fault"),
    [
        ("cut-name.http", f"阿卜杜热合曼·买买提{CUT}", "阳光社区", "json_cut_characters"),
        ("cesu8-name.http", "𠮷田", "", "json_cesu8"),
        ("rare-ext-h.http", "李\U0003158e", "", None),
    ],
)
def test_a_case_from_the_field(case: str, name: str, area: str, fault: str | None) -> None:
    message = message_of(case)

    assert (message.user_name, message.nation_code) == (name, area)
    assert message.extras["faults"] == ([fault] if fault else []) + ["image_missing"]


@given(ANY_TEXT, BEYOND_ASCII, st.data())
@example("é", "é", None)
@example("", "中", None)
def test_utf8_that_was_cut_stays_utf8_with_one_mark(
    before: str, last: str, data: st.DataObject | None
) -> None:
    encoded = last.encode()
    kept = 1 if data is None else data.draw(st.integers(1, len(encoded) - 1))

    reading = read_body(body_of(before.encode() + encoded[:kept], "阳光社区".encode()))

    assert reading.data["userName"] == before + CUT
    assert reading.data["nationCode"] == "阳光社区"
    assert reading.repairs == ("json_cut_characters",)


@given(NAME)
def test_gbk_is_read_as_gbk(name: str) -> None:
    raw = name.encode("gbk")
    assume(not is_utf8(raw))

    reading = read_body(body_of(raw, "阳光社区".encode("gbk")))

    assert (reading.data["userName"], reading.data["nationCode"]) == (name, "阳光社区")
    assert reading.repairs == ("json_encoding",)


@given(NAME)
def test_gbk_that_was_cut_keeps_what_stands_before_the_cut(name: str) -> None:
    raw = name.encode("gbk")[:-1]
    assume(not is_utf8(raw[:-1]))

    reading = read_body(body_of(raw, "长沙市岳麓区阳光社区服务中心".encode("gbk")))

    assert reading.data["userName"] == name[:-1] + CUT
    assert reading.repairs == ("json_encoding", "json_cut_characters")


@pytest.mark.parametrize("name", ["李二壮", "张三", "李", "欧阳震华", "朱镕基", "鑫", "联通"])
def test_gbk_and_utf8_in_one_body_are_told_apart(name: str) -> None:
    """The whole body was once read as GB18030, so a sound area became "闃冲厜绀惧尯"."""
    reading = read_body(body_of(name.encode("gbk"), "阳光社区".encode()))

    assert (reading.data["userName"], reading.data["nationCode"]) == (name, "阳光社区")


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_sound_utf8_is_never_taken_for_anything_else(text: str) -> None:
    broken_json = json.dumps({"note": text}, ensure_ascii=False)[:-1] + ",}"

    assert "json_encoding" not in read_body(broken_json.encode()).repairs


@given(st.text(st.characters(min_codepoint=0x10000), min_size=1, max_size=5), ANY_TEXT)
def test_halves_in_bytes_are_joined(astral: str, other: str) -> None:
    halves = astral.encode("utf-16-le").decode("utf-16-le", "surrogatepass")
    units = astral.encode("utf-16-le")
    cesu8 = b"".join(
        chr(int.from_bytes(units[at : at + 2], "little")).encode("utf-8", "surrogatepass")
        for at in range(0, len(units), 2)
    )

    reading = read_body(body_of(cesu8, other.encode()))

    assert reading.data["userName"] == halves == astral
    assert reading.data["nationCode"] == other
    assert reading.repairs == ("json_cesu8",)


@given(NAME, st.characters(min_codepoint=0x10000, exclude_categories=("Cs",)), st.integers(1, 5))
@example("李", "\U00020bb7", 4)
@example("", "\U00020bb7", 5)
@example("", "\U00020bb7", 2)
def test_a_pair_that_was_cut_in_a_half_leaves_one_mark(name: str, last: str, kept: int) -> None:
    """李 and half of a rare character became 鏉庬 in GB18030."""
    assume(kept != 3)  # one half and nothing more, which is removed and named
    units = last.encode("utf-16-be")
    cesu8 = b"".join(
        chr(int.from_bytes(units[at : at + 2])).encode("utf-8", "surrogatepass") for at in (0, 2)
    )
    raw = name.encode() + cesu8[:kept]

    for whole in (b"", cesu8):
        reading = read_body(body_of(whole + raw))
        assert reading.data["userName"] == (last if whole else "") + name + CUT
        assert "json_encoding" not in reading.repairs
        assert "json_cut_characters" in reading.repairs


@pytest.mark.parametrize(
    ("name", "read", "faults"),
    [
        (b"\\ud83d\\ude00", "😀", []),
        (b"\\ud83dx", "x", ["characters_removed"]),
        (b"\xed\xa0\xbdx", "x", ["characters_removed"]),
        (b"\xed\xa0\xbd\\ude00", "😀", []),
        (b"a\\u0000b", "ab", ["characters_removed"]),
        (b"a\xc0\x80b", "ab", ["characters_removed"]),
        (KEPT.encode(), KEPT, []),
        (b" x\\r\\n", "x", []),
        (b"x" * 300 + b"\\u0000", "x" * 120, ["username_truncated", "characters_removed"]),
    ],
)  # fmt: skip
def test_only_controls_and_lone_halves_go_and_that_is_said(
    name: bytes, read: str, faults: list[str]
) -> None:
    """Python's tables are older than the newest characters: names of people went without a word."""
    message = FaceMatch.from_wire(read_body(body_of(name)).data)

    assert message.user_name == read
    assert set(message.faults) == {"captured_at_missing", "image_missing", *faults}


def test_characters_left_out_of_an_unknown_field_are_a_fault_too() -> None:
    message = TemperatureReading.from_wire({"mask": 1, "note": "a\x00b", "in": {"deep": "\ud800c"}})

    assert message.extras == {"note": "ab", "in": {"deep": "c"}}
    assert message.faults.count("characters_removed") == 1


@pytest.mark.parametrize(
    "piece",
    [b"\xff", b"\xb0\xa1", b'\xe4\xb8"', b"\xed\xa0\xbd", b"\xed\xa0\xbd\xed\xb8\x80", b"a\xa0b",
     b"\xc0\x80", b'\xc3",:'],
)  # fmt: skip
def test_hostile_bytes_take_no_longer_than_their_size_allows(piece: bytes) -> None:
    raw = b'{"a": "' + (piece * 400_000)[:400_000] + b'\xff", "b": 1}'

    started = time.thread_time()
    with contextlib.suppress(UnreadableBody):
        read_body(raw)
    # About 0.2 s on one shared core; only growth by the square would come near this.
    assert time.thread_time() - started < 3

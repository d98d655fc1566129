"""Broken JSON keeps everything that can still be told apart, and takes no longer for it."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal_protocol import FaceMatch, UnreadableBody, read_body

PICTURE = "/9j/" + "QUJD" * 175_000
WORD = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
VALUE = WORD | st.integers(-(10**9), 10**9) | st.booleans() | st.none()
MESSAGE = st.dictionaries(st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True), VALUE, min_size=1)


def _members(data: dict[str, object]) -> list[str]:
    return [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data.items()]


@given(MESSAGE, st.sampled_from([" ", ",,", " ,\n", ";", ", // note\n", ", /* note */"]))
def test_no_value_is_lost_between_wrong_separators(data: dict[str, object], comma: str) -> None:
    broken = "{" + comma.join(_members(data)) + ",}"

    assert read_body(broken.encode()).data == data


@given(MESSAGE)
def test_no_value_is_lost_when_the_closing_brackets_are(data: dict[str, object]) -> None:
    broken = '{"Info": {' + ", ".join(_members(data)) + " "

    assert read_body(broken.encode()).data == {"Info": data}


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("{'name': \"O'Brien\", 'x': None, 'mask': True}",
         {"name": "O'Brien", "x": None, "mask": True}),
        ('{"name": "the "big" one", "id": 1}', {"name": 'the "big" one', "id": 1}),
        ('{"name": "李"二壮"" "id": 1}', {"name": '李"二壮"', "id": 1}),
        ("{userId: 111222, userName: 李二壮}", {"userId": 111222, "userName": "李二壮"}),
        ('{“userId”：“111222”， “id”: 1}', {"userId": "111222", "id": 1}),
        ('{"userId": 111222", "id": 1}', {"userId": "111222", "id": 1}),
        ('{"a": , "b": 1}', {"a": None, "b": 1}),
        ('{"a": -, "b": 1.5, "c": 1e2, "d": 007}', {"a": "-", "b": 1.5, "c": 100.0, "d": "007"}),
        ('{"list": [{"a": 1} {"a": 2},], "n": 3 },}', {"list": [{"a": 1}, {"a": 2}], "n": 3}),
        ('{"list": [{"a": 1}, {"a": 2}, "n": 3}', {"list": [{"a": 1}, {"a": 2}], "n": 3}),
        ('{"list": [1, 2}, "n": 3}', {"list": [1, 2]}),
        ('{"path": "a\\/b\\u4e2d\\ud83d\\ude00\\n\\q\\ud83d",}',
         {"path": "a/b中😀\nq\ufffd"}),
        ('{"path": "a\\\\/b", "id": 1,}', {"path": "a\\/b", "id": 1}),
        ('{\\"userId\\": \\"1\\", \\"id\\": 1,}', {"userId": "1", "id": 1}),
        ('{"a": "\\ue0007\\ue001" "b": 1}', {"a": "\ue0007\ue001", "b": 1}),
        ('{"a": 1}} and more', {"a": 1}),
    ],
)  # fmt: skip
def test_what_people_and_firmwares_write(broken: str, expected: dict[str, object]) -> None:
    reading = read_body(broken.encode())

    assert reading.data == expected
    assert reading.repairs == ("json_syntax",)


@given(st.integers(min_value=40, max_value=len(PICTURE)))
def test_a_body_that_broke_off_inside_its_picture_keeps_the_rest(kept: int) -> None:
    """The connection of a terminal is cut in the largest field; who came in is before it."""
    body = '{"userId": "111222", "temperature": "36.5", "img": "' + PICTURE[:kept]

    message = FaceMatch.from_wire(read_body(body.encode()).data)

    assert (message.user_id, str(message.temperature_c)) == ("111222", "36.50")
    assert message.image is not None or "image_not_base64" in message.faults


@given(
    st.lists(st.sampled_from(["\\", '"', "/", "n", "\n", "\t", "张", "é", *map(chr, range(1, 7))])),
    st.booleans(),
)
def test_an_escaped_text_means_the_same_in_broken_json(chars: list[str], codes: bool) -> None:
    """Whichever control characters it holds, and with or without codes of characters."""
    text = "".join(chars)
    pairs = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "/": "\\/"}
    if codes:
        pairs["é"] = "\\u00e9"
    written = "".join(pairs.get(char, char) for char in chars)

    read = read_body(f'{{"userId": "1", "x": "{written}",, "y": 1}}'.encode()).data

    assert read == {"userId": "1", "x": text, "y": 1}


def test_a_body_that_broke_off_inside_an_escape_is_read() -> None:
    for tail in ("\\", "\\u", "\\u4e2", "\\ud83d"):
        assert read_body(f'{{"userId": "1", "note": "x{tail}'.encode()).data["userId"] == "1"


HOSTILE = {
    "quotes": b'"', "quotes and commas": b'",', "quotes and colons": b'":', "all of them": b'":,',
    "single quotes": b"'", "escaped quotes": b'\\"', "commas": b",", "colons": b":",
    "lists": b"[1]", "round brackets": b"(", "stars": b"/*", "slashes": b"//", "backslashes": b"\\",
    "blanks": b' " ', "curly quotes": '"“'.encode(), "word": b'_","', "nearly pictures": b"A" * 254,
    "bare words": b'tr":"', "arrows": b"=>'a'",
}  # fmt: skip


@pytest.mark.parametrize("prefix", [b'{"a": "\n", "b":', b"{", b"["])
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_takes_no_longer_than_its_size_allows(piece: bytes, prefix: bytes) -> None:
    """A general repair library took up to eight seconds for 16 KB of such text."""
    raw = prefix + (piece * 65_536)[:65_536]

    started = time.thread_time()
    try:
        read_body(raw)
    except UnreadableBody as error:
        assert error.code in {"not_json", "not_an_object", "too_deep", "too_large"}
    # About 0.04 s on one shared core; only growth by the square would come near this.
    assert time.thread_time() - started < 0.5


def test_what_is_read_is_not_larger_than_what_was_sent() -> None:
    """Private-use marks for pictures that had been cut out once let a sender repeat them."""
    raw = json.dumps({f"k{number}": "\ue0000\ue001" for number in range(3000)})[:-1]
    raw += ', "img": "' + "A" * 20_000 + '",}'

    tracemalloc.start()
    data = read_body(raw.encode()).data
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(len(value) for value in data.values()) < len(raw)
    assert peak < 50 * len(raw)


def test_nesting_in_broken_text_is_a_typed_error() -> None:
    """Brackets after a line break inside a text once raised RecursionError."""
    for opening in (b"[", b'{"a":', b'[{"a":', b"{'a':"):
        with pytest.raises(UnreadableBody) as refused:
            read_body(b'{"a": "\n", "b": ' + opening * 200_000)

        assert refused.value.code == "too_deep"

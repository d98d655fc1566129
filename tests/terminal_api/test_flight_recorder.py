"""The flight recorder: a terminal's last exchanges, fit to be shown."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from devices.admin.conversation import conversation
from devices.admin.note_words import note_lines
from devices.models import Terminal
from devices.services import Exchange, exchange_keep, exchanges_last, masked
from devices.services.calls.recorder import KEPT
from records.models import Record
from server_common.call_store import CallStoreAway, call_store
from tests.support.sent_pictures import picture
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_a_conversation_can_be_read_again(
    wire: WireClient, terminal: Terminal, portraits: dict[str, Path]
) -> None:
    wire.post("syheartbeat", "")
    wire.post("syheartbeat", "")
    wire.post("syface", {"userId": "7", "userName": "李二壮", "temperature": "warm",
                         "img": picture(portraits["biden.jpg"])})  # fmt: skip
    wire.post("syface", "{broken")

    newest, before, *_ = exchanges_last(terminal_id=terminal.pk)
    kinds = [one.kind for one in exchanges_last(terminal_id=terminal.pk)]

    assert newest.answered["ret"] == "30001"
    assert before.said["userId"] == "7"
    assert before.said["userName"] == "***"
    assert before.said["img"].endswith("characters)")
    assert before.answered["openDoor"] == 0
    assert before.note["record"] == Record.objects.get().pk
    assert before.note["reason"] == "unknown_person"
    assert "temperature_unreadable" in before.note["faults"]
    # Heartbeats would push everything else out, so only the latest is kept.
    assert kinds.count("syheartbeat") == 1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_came_of_it_is_said_in_words(
    wire: WireClient, terminal: Terminal, portraits: dict[str, Path], language: str
) -> None:
    """The last column was English JSON; what was sent and answered stays as it was on the wire."""
    said = {"userId": "7", "temperature": "warm", "img": picture(portraits["biden.jpg"])}
    wire.post("syface", said)
    wire.post("syface", {"userId": "7", "img": "", "screenTime": "1"})
    wire.poll(0)

    with translation.override(language):
        told = {
            re.sub(r"\d+", "#", line)
            for one in exchanges_last(terminal_id=terminal.pk)
            for line in re.findall(r"<div>(.*?)</div>", html.unescape(note_lines(one.note)))
        }
        shown = str(conversation(exchanges_last(terminal_id=terminal.pk)))

    wanted = {
        "en": {"stored as record #", "Nobody with this user ID is on file"},
        "zh-hans": {"存为记录 #", "没有此编号的人员"},
    }
    assert wanted[language] <= told
    latin = {line for line in told if re.search("[A-Za-z]{3}", line)}
    assert bool(latin) == (language == "en")
    assert "openDoor" in shown
    assert "unknown_person" not in shown


@given(
    st.dictionaries(
        st.sampled_from(["userName", "name", "id", "address", "idCardInfo"]),
        st.sampled_from(["张三丰", "43112319961122001X", "A" * 400]),
    )
)
def test_nothing_shown_names_anybody(data: dict[str, str]) -> None:
    shown = json.dumps(masked({"Info": data, **data}), ensure_ascii=False)

    assert "43112319961122001X" not in shown
    assert "A" * 100 not in shown
    assert "张三丰" not in shown


def exchange(at: float, kind: str = "syface") -> Exchange:
    """Return an exchange of a moment."""
    return Exchange(at, kind, "127.0.0.1", 200, {}, {"ret": "0"}, {}, 1.0)


@pytest.mark.parametrize(
    "shared", [False, pytest.param(True, marks=pytest.mark.redis)], ids=["memory", "redis"]
)
def test_only_the_last_ones_are_kept(shared: bool, settings: Any) -> None:
    if not shared:
        settings.REDIS_URL = ""

    for at in range(KEPT + 20):
        exchange_keep(terminal_id=987654, exchange=exchange(at))
    exchange_keep(terminal_id=987654, exchange=exchange(9999, "syheartbeat"), is_idle=True)

    told = exchanges_last(terminal_id=987654)
    assert len(told) == KEPT + 1
    assert [one.at for one in told[:2]] == [9999, KEPT + 19]


def test_a_recorder_that_is_away_costs_no_answer(
    wire: WireClient, terminal: Terminal, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CallStoreAway):
        call_store().pushed("exchanges:1")

    assert wire.post("syheartbeat", "")["ret"] == "0"
    assert exchanges_last(terminal_id=terminal.pk) == []

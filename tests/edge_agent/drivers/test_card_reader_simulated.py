"""Cards of a file: numbers and identity cards, in order, as often as asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import parse_config
from edge_agent.drivers.card_reader_simulated import SimulatedReaderOptions
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from terminal_protocol import IdCard

NUMBER = "00047112345"
CARD = {"name": "张三", "gender": "男", "id": "43112319961122xxxx", "endDate": "2022.11.22"}


def written(folder: Path, cards: Any) -> Path:
    path = folder / "cards.json"
    path.write_text(json.dumps(cards, ensure_ascii=False))
    return path


async def test_cards_come_in_order_as_often_as_asked(tmp_path: Path) -> None:
    path = written(tmp_path, [NUMBER, CARD])
    reader = SimulatedReaderOptions(file=path, interval_s=0.0, rounds=2).make()
    await reader.open()

    given = [await reader.next_card() for _ in range(5)]

    card = IdCard.from_wire(CARD)
    assert given == [NUMBER, card, NUMBER, card, None]
    assert card is not None
    assert (card.name, card.number, card.maker) == ("张三", "43112319961122xxxx", "")
    assert "4311" not in repr(card)
    await reader.close()
    with pytest.raises(DriverError, match="not open"):
        await reader.next_card()


@pytest.mark.parametrize(
    "cards", [{}, [], "x", [""], ["x" * 41], ["a\nb"], [7], [None], [{}], [[]], [NUMBER, {"a": 1}]]
)
async def test_file_that_holds_no_cards_is_one_sentence(tmp_path: Path, cards: Any) -> None:
    reader = SimulatedReaderOptions(file=written(tmp_path, cards)).make()

    with pytest.raises(DriverUnavailable, match=r"holds no list of cards$"):
        await reader.open()


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
async def test_file_that_is_no_json_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cards.json"
    path.write_bytes(content)

    with pytest.raises(DriverUnavailable, match=r"cards\.json (holds|cannot)"):
        await SimulatedReaderOptions(file=path).make().open()


def test_it_is_chosen_in_the_configuration(tmp_path: Path) -> None:
    table = {"driver": "simulated", "file": "mine.json", "interval_s": 1.5, "rounds": 1}

    config = parse_config(
        {"device_id": "1", "base_url": "http://127.0.0.1/t/x", "card_reader": table}, base=tmp_path
    )

    assert config.card_reader.options == SimulatedReaderOptions(
        file=tmp_path / "mine.json", interval_s=1.5, rounds=1
    )

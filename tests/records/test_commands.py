"""The kind of command that fetches records: since when, and how that is shown."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils.timezone import override

from devices.command_kinds import command_payload
from records.commands import RECORDS_PULL

SINCE = datetime(2026, 11, 30, 8, tzinfo=UTC)


def test_a_moment_is_carried_and_none_is_since_last_time() -> None:
    carried = command_payload(kind="records_pull", given={"since": SINCE})

    assert carried == {"since": "2026-11-30T08:00:00+00:00"}
    assert command_payload(kind="records_pull", given={"since": None}) == {}
    assert command_payload(kind="records_pull", given={}) == {}


@pytest.mark.parametrize("since", ["yesterday", SINCE.replace(tzinfo=None)])
def test_what_is_no_moment_is_refused(since: object) -> None:
    with pytest.raises(ValidationError) as refused:
        command_payload(kind="records_pull", given={"since": since})

    assert set(refused.value.message_dict) == {"since"}


def test_a_moment_is_shown_by_the_clock_of_the_page() -> None:
    with override("Asia/Shanghai"):
        [(_name, shown)] = RECORDS_PULL.shows({"since": SINCE.isoformat()})

    assert shown == "2026-11-30 16:00:00"
    assert RECORDS_PULL.shows({}) == []

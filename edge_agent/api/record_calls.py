"""Call about records: 8.3.2."""

from datetime import datetime, timedelta

from edge_agent.api.answers import Answer, CallRefused, done
from edge_agent.api.requests import CallRequest
from edge_agent.api.terminal import Terminal
from edge_agent.storage import RecordFilter
from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import RECORD_PAGE_DEFAULT, RECORD_PAGE_MAX
from terminal_protocol.pages import Page


async def search(terminal: Terminal, request: CallRequest) -> Answer:
    """List records by page, newest first; of today unless a period is given (8.3.2)."""
    values = request.values()
    page = values.get("page", 1)
    size = min(values.get("size", RECORD_PAGE_DEFAULT), RECORD_PAGE_MAX)
    today_begins, today_ends = today(terminal.clock.now())
    user_id = values.get("userId", "")
    wanted = RecordFilter(
        begins=values.get("startTime", today_begins),
        ends=values.get("endTime", today_ends),
        type_number=values.get("type", 0),
        user_id="" if user_id == "0" else user_id,
        name=values.get("username", ""),
    )
    if "startTime" in values and "endTime" in values and wanted.begins > wanted.ends:
        raise CallRefused(RetCode.PARAM_INVALID, "startTime: after endTime")
    total, records = await terminal.records.search(wanted, page=page, size=size)
    if not records:
        raise CallRefused(RetCode.SEARCH_LIST_NULL, "nothing found")
    return done(data=Page(total, page, size, tuple(records)).to_wire())


def today(now: datetime) -> tuple[int, int]:
    """Return the first and last second of the day, Unix, by the computer's time zone.

    Args:
        now: aware.
    """
    begins = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    # Local days have 23 or 25 hours twice a year, so the end is the next day's beginning.
    ends = (begins + timedelta(days=1)).astimezone()
    return int(begins.astimezone().timestamp()), int(ends.timestamp()) - 1

"""People that a terminal really holds (seed 8.2.4, 8.2.5): compare, repair, wipe."""

from collections.abc import Sequence
from functools import partial

from django.db import transaction
from django.utils import timezone

from devices.calling import CallRefused, OutcomeUnknown, Repeat, TerminalClient
from devices.choices import CallWord
from devices.command_kinds import CommandResult
from devices.models import Terminal
from devices.services import CallSession
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, TerminalHoldings
from faces.selectors import people_for_terminal
from faces.services.clock import clock_hold
from faces.services.delivery import revocations_settle
from faces.services.direct.people import AT_ONCE, forget_one, tell
from faces.services.feedback import terminal_send_all_again
from terminal_protocol import RetCode
from terminal_protocol.device_calls import OK
from terminal_protocol.pages import Page, PageWalk
from terminal_protocol.values import lookup, read_text

_PAGE = 10  # the most a page may have (seed 8.2.5)


def people_compare(session: CallSession) -> CommandResult:
    """Read which people a terminal holds and note where they are not those it should hold."""
    holdings = _compare(session)
    return CommandResult(
        result={
            "held": holdings.held,
            "missing": holdings.missing_count,
            "extra": holdings.extra_count,
            "different": holdings.different_count,
        }
    )


def _compare(session: CallSession) -> TerminalHoldings:
    held: dict[str, str] = {}
    walk = PageWalk(size=_PAGE)
    while walk.has_more:
        page = session.talk(partial(_page, walk=walk))
        walk.take(page)
        # The photo itself is not compared: terminals keep it in their own encoding.
        new = {
            read_text(lookup(entry, "userId")): read_text(lookup(entry, "name"))
            for entry in page.entries
        }
        if not new.keys() - held.keys():
            break  # the end, or a terminal that knows no pages
        held.update(new)
        session.yield_to_urgent(read=len(held), total=page.total)
    return _note_holdings(session.terminal, held)


async def _page(client: TerminalClient, walk: PageWalk) -> Page:
    try:
        answer = await client.call("userList", parameters={"page": walk.number, "size": _PAGE})
    except CallRefused as refusal:
        if refusal.code != int(RetCode.SEARCH_LIST_NULL):
            raise
        return Page.from_wire(None)
    page = Page.from_wire(answer.value)
    if not walk.is_whole(page):
        raise OutcomeUnknown("bad_answer")  # people who are there would be taken for missing
    return page


@transaction.atomic
def _note_holdings(terminal: Terminal, held: dict[str, str]) -> TerminalHoldings:
    clock_hold(site_id=terminal.site_id)
    wanted = dict(people_for_terminal(terminal).values_list("user_id", "name"))
    missing = sorted(wanted.keys() - held.keys())
    extra = sorted(held.keys() - wanted.keys())
    different = sorted(
        user_id for user_id in wanted.keys() & held.keys() if wanted[user_id] != held[user_id]
    )
    now = timezone.now()
    for start in range(0, len(missing), 500):
        # "Stored" was its last word, or it said none, and it is not so: tried again by the next
        # sweep, and seen.
        Delivery.objects.filter(
            terminal=terminal,
            user_id__in=missing[start : start + 500],
            operation=Operation.SAVE,
            state__in=[
                DeliveryState.STORED,
                DeliveryState.UNCONFIRMED,
                DeliveryState.FETCHED,
            ],
        ).update(
            state=DeliveryState.FAILED,
            unanswered=0,
            code=RetCode.USER_NOT_EXISTS,
            message=RetCode.USER_NOT_EXISTS.message,
            retry_at=now,
            changed_at=now,
        )
    kept = TerminalHoldings.KEPT
    holdings, _ = TerminalHoldings.objects.update_or_create(
        terminal=terminal,
        defaults={
            "compared_at": now,
            "held": len(held),
            "expected": len(wanted),
            "missing_count": len(missing),
            "extra_count": len(extra),
            "different_count": len(different),
            "missing": missing[:kept],
            "extra": extra[:kept],
            "different": different[:kept],
        },
    )
    return holdings


def people_repair(session: CallSession) -> CommandResult | None:
    """Compare, send people that are missing or different, delete those it should not hold.

    A person enrolled at the terminal itself is deleted too; that is asked about before.
    """
    holdings = _compare(session)
    counts = {"done": 0, "failed": 0, "fetching": 0, "deleted": 0}
    wrong = [*holdings.missing, *holdings.different]
    for start in range(0, len(wrong), AT_ONCE):
        ids = _rows_for(session.terminal, wrong[start : start + AT_ONCE])
        tell(session, ids, counts)
        session.yield_to_urgent(**counts)
    for start in range(0, len(holdings.extra), AT_ONCE):
        _forget(session, holdings.extra[start : start + AT_ONCE], counts)
        session.yield_to_urgent(**counts)
    after = _compare(session)
    left = after.missing_count + after.extra_count + after.different_count
    return CommandResult(word=CallWord.PARTLY if left else "", result={**counts, "left": left})


def _rows_for(terminal: Terminal, user_ids: Sequence[str]) -> list[int]:
    """Return delivery rows for people a terminal should hold, made where there are none."""
    now = timezone.now()
    people = people_for_terminal(terminal).filter(user_id__in=user_ids)
    Delivery.objects.bulk_create(
        [
            Delivery(
                terminal=terminal,
                person=person,
                user_id=person.user_id,
                operation=Operation.SAVE,
                state=DeliveryState.PENDING,
                sync_stamp=person.sync_stamp,
                changed_at=now,
            )
            for person in people
        ],
        ignore_conflicts=True,
    )
    rows = Delivery.objects.filter(
        terminal=terminal, user_id__in=user_ids, operation=Operation.SAVE
    )
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _forget(session: CallSession, user_ids: Sequence[str], counts: dict[str, int]) -> None:
    """Delete people by id, unless they have become wanted since they were compared."""
    wanted = set(
        people_for_terminal(session.terminal)
        .filter(user_id__in=user_ids)
        .values_list("user_id", flat=True)
    )
    unwanted = [one for one in user_ids if one not in wanted and one not in {"", ".", "..", "all"}]

    async def forget(client: TerminalClient) -> int:
        gone = 0
        for user_id in unwanted:
            gone += await forget_one(client, user_id) == OK
        return gone

    if unwanted:
        gone = session.talk(forget)
        counts["deleted"] += gone
        counts["failed"] += len(unwanted) - gone


def people_wipe(session: CallSession) -> CommandResult:
    """Delete all people on a terminal; it gets those it should hold at its next poll."""

    async def wipe(client: TerminalClient) -> None:
        await client.call(
            "userDelete", user_id="all", repeat=Repeat.ALWAYS, deadline=session.deadline
        )

    session.talk(wipe)
    _note_wiped(session.terminal)
    return CommandResult()


@transaction.atomic
def _note_wiped(terminal: Terminal) -> None:
    terminal_send_all_again(terminal=terminal)
    rows = Delivery.objects.filter(terminal=terminal)
    rows.filter(operation=Operation.SAVE).update(held=False)
    deletes = rows.filter(operation=Operation.DELETE)
    owed = list(deletes.values_list("revocation_id", flat=True))
    deletes.update(
        state=DeliveryState.STORED,
        held=False,
        save_unanswered=False,
        remedy="",
        changed_at=timezone.now(),
    )
    revocations_settle(owed)

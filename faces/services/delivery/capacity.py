"""Capacity of terminals: set by a manager, or learnt when one says that it is full."""

import logging
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from devices.models import Terminal
from devices.services import terminal_capacity_learn
from faces.choices import DeliveryState, Operation
from faces.models import Delivery
from faces.selectors import people_for_terminal

logger = logging.getLogger(__name__)


def capacity_learn(*, terminal: Terminal) -> None:
    """Note after commit that the terminal is full with what it is known to hold.

    A figure that a manager entered stays; one that was learnt follows what the terminal says.
    """

    # After commit: a change of a terminal locks it before its deliveries, and here they are
    # locked already.
    def learn() -> None:
        held = Delivery.objects.filter(
            Q(operation=Operation.SAVE, state=DeliveryState.STORED)
            | Q(operation=Operation.DELETE, held=True),
            terminal=terminal,
        ).count()
        if not held:
            # Full of faces that are none of ours; that is no capacity.
            return
        if terminal_capacity_learn(terminal_id=terminal.pk, capacity=held):
            logger.info("capacity_learnt terminal=%s capacity=%s", terminal.pk, held)

    transaction.on_commit(learn, robust=True)


def capacity_guard(*, terminal_ids: Collection[int]) -> None:
    """Refuse a change that gives these terminals more people than they can hold.

    To be called in the transaction of the change, under the site's clock, so that two changes at
    once cannot both take the last place; only for terminals to which the change adds a person.

    Raises:
        ValidationError: says which terminal, how many it holds and how many it would have to.
    """
    limited = Terminal.objects.filter(pk__in=list(terminal_ids), capacity__isnull=False)
    words = []
    for terminal in limited.order_by("device_id"):
        people = people_for_terminal(terminal).count()
        if terminal.capacity is not None and people > terminal.capacity:
            words.append(
                _("%(terminal)s can hold %(capacity)d people and would have to hold %(people)d.")
                % {"terminal": terminal, "capacity": terminal.capacity, "people": people}
            )
    if words:
        raise ValidationError({"libraries": words})

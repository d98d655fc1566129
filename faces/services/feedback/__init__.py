"""Feedback of terminals about people that they were sent, and what follows without it."""

from .believed import deletes_sent
from .results import (
    NOT_DONE,
    Feedback,
    deletes_doubt,
    deletes_repeat,
    deliveries_answered,
    deliveries_retry,
    deliveries_send_again,
    results_take_in,
    terminal_send_all_again,
    terminal_send_failed_again,
    terminal_start_over,
)
from .unconfirmed import deliveries_unconfirm

__all__ = [
    "NOT_DONE",
    "Feedback",
    "deletes_doubt",
    "deletes_repeat",
    "deletes_sent",
    "deliveries_answered",
    "deliveries_retry",
    "deliveries_send_again",
    "deliveries_unconfirm",
    "results_take_in",
    "terminal_send_all_again",
    "terminal_send_failed_again",
    "terminal_start_over",
]

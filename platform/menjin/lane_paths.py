"""Which paths belong to terminals, for the lane and for the log."""

import logging


def is_terminal_path(path: str) -> bool:
    """Tell whether a path is one that terminals call; their pictures are not among these."""
    return path.startswith(("/sy", "/t/", "/+sy")) or path == "/t"


def is_picture_path(path: str) -> bool:
    """Tell whether a path is one that terminals fetch pictures from."""
    return path.startswith("/i/")


class NotSentAway(logging.Filter):
    """Drop Django's own line about each 503 of a terminal: whatever the reason, it has been told.

    When a fleet is sent away, such a line for each costs as much as an answer.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``."""
        path = getattr(getattr(record, "request", None), "path_info", "")
        is_lane = is_terminal_path(path) or is_picture_path(path)
        return not (is_lane and getattr(record, "status_code", 0) == 503)

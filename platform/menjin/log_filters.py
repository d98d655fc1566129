"""Log filter for requests that are shed under load."""

import logging

from terminal_api.paths import api_path

# Where people sign in; in a flood they are shed, too (console.sign_in).
SIGN_IN_PATHS = {"/sign-in/", "/admin/login/"}


class ShedRequestFilter(logging.Filter):
    """Drop Django's own line about each 503 of a terminal or sign-in: it is counted elsewhere.

    When a fleet is turned away, such a line for each costs as much as an answer.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``."""
        path = getattr(getattr(record, "request", None), "path_info", "")
        is_counted = api_path(path) is not None or path in SIGN_IN_PATHS
        return not (getattr(record, "status_code", 0) == 503 and is_counted)

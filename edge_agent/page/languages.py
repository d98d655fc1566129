"""Which language a visitor of the page reads."""

import re
from typing import Final

from edge_agent.config.sections import Language, PageLanguage

_RANGE: Final = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?(?:;q=([01](?:\.\d{0,3})?))?")
_HEADER_MAX: Final = 512


def language_chosen(text: str) -> Language | None:
    """Return the language that a visitor has chosen by its name, None for any other text."""
    return Language(text) if text in set(Language) else None


def language_first(configured: PageLanguage, accepted: str) -> Language:
    """Return the language before a visitor chooses.

    Args:
        configured: ``language`` of the section ``[page]``.
        accepted: the header Accept-Language; English where it names no language of the page.
    """
    if configured is not PageLanguage.BROWSER:
        return Language(configured.value)
    best, best_weight = Language.ENGLISH, 0.0
    for part in accepted[:_HEADER_MAX].split(","):
        found = _RANGE.fullmatch(part.replace(" ", ""))
        language = language_chosen(found[1].lower()) if found else None
        weight = float(found[2] or 1) if found else 0.0
        # The first of equal ones counts.
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best

"""Findings of the checks."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    """How something is; the values are stable."""

    OK = "OK"
    WARNING = "WARNING"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        check: what was looked at.
        text: how it is, for people; without secrets and names.
        advice: what to do; empty when nothing is to be done.
        facts: the same for programs, JSON values.
    """

    check: str
    result: Result
    text: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def ok(cls, check: str, text: str, **facts: Any) -> "Finding":
        """All is well."""
        return cls(check, Result.OK, text, facts=facts)

    @classmethod
    def warning(cls, check: str, text: str, advice: str, **facts: Any) -> "Finding":
        """Return a finding about something that works but needs attention."""
        return cls(check, Result.WARNING, text, advice, facts)

    @classmethod
    def failed(cls, check: str, text: str, advice: str, **facts: Any) -> "Finding":
        """Return a finding about something that does not work."""
        return cls(check, Result.FAILED, text, advice, facts)

    @classmethod
    def skipped(cls, check: str, text: str) -> "Finding":
        """Return a finding about something that could not be checked."""
        return cls(check, Result.SKIPPED, text)

    def line(self) -> str:
        """Return the finding as one line of text."""
        line = f"{self.result.value:<8} {self.check:<14} {self.text}"
        return f"{line}. {self.advice}" if self.advice else line

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "check": self.check,
            "result": self.result.value,
            "words": self.text,
            "advice": self.advice,
            "facts": self.facts,
        }

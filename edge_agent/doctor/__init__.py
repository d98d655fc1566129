"""Examination of a terminal: one thing after the other, each in one line of plain words."""

from edge_agent.doctor._run import Examination, examine
from edge_agent.doctor.findings import Finding, Result

__all__ = ["Examination", "Finding", "Result", "examine"]

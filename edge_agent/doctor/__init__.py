"""Examination of a terminal: one thing after the other, each in one line of plain words."""

from edge_agent.doctor._run import DoctorPlan, run_checks
from edge_agent.doctor.findings import Finding, Result

__all__ = ["DoctorPlan", "Finding", "Result", "run_checks"]

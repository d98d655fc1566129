"""Diagnosis of a terminal: a series of checks, each with one finding."""

from edge_agent.doctor._run import DoctorPlan, run_checks
from edge_agent.doctor.findings import Finding, Result

__all__ = ["DoctorPlan", "Finding", "Result", "run_checks"]

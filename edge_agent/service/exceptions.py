"""Errors of running and calling the agent.

AgentError
├── AlreadyRunning           already_running         another agent uses the same data_dir
├── AgentUnreachable         agent_unreachable       the running agent cannot be called
└── EnrolmentRefused         enrolment_refused       a person cannot be enrolled as asked
"""

from edge_agent.config import AgentError


class AlreadyRunning(AgentError):
    """Another agent holds the lock of the data directory."""

    code = "already_running"


class AgentUnreachable(AgentError):
    """The agent that runs on this computer does not listen, or does not answer."""

    code = "agent_unreachable"


class EnrolmentRefused(AgentError):
    """Enrolment was refused; the message says why and what to do."""

    code = "enrolment_refused"

"""Errors of the software terminal and of its configuration.

    AgentError                   base of all; ``code`` is stable
    ├── ConfigInvalid            config_invalid          the TOML file says something impossible
    ├── `edge_agent.service.exceptions`: AlreadyRunning, AgentUnreachable, EnrolmentRefused
    └── `edge_agent.drivers.exceptions`: DriverError and its kinds

A platform that is away, a face that is not recognised, a picture without a face: these are
results, not exceptions. No message carries a name, a token, a picture or a stream's password.
"""

from typing import ClassVar


class AgentError(Exception):
    """Base of all errors of this package; ``code`` is stable."""

    code: ClassVar[str] = "agent"


class ConfigInvalid(AgentError):
    """The configuration cannot be used; the message names the key and never a secret value."""

    code = "config_invalid"

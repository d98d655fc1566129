"""Errors of the software terminal.

    AgentError
    ├── ConfigInvalid            config_invalid          the TOML file says something impossible
    ├── AlreadyRunning           already_running         another agent uses the same data_dir
    ├── AgentUnreachable         agent_unreachable       the running agent cannot be called
    ├── EnrolmentRefused         enrolment_refused       somebody cannot be enrolled as asked
    └── DriverError              driver_error            a driver failed; base of:
        ├── DriverUnavailable    driver_unavailable      hardware or its library is not there
        ├── DriverTimeout        driver_timeout          it did not answer in time
        └── DriverProtocolError  driver_protocol_error   it answered with something impossible

A platform that is away, nobody recognised, a picture without a face: these are results, not
exceptions. No message carries a name, a token, a picture or a stream's password.
"""

from typing import ClassVar


class AgentError(Exception):
    """Base of all errors of this package; ``code`` is stable."""

    code: ClassVar[str] = "agent"


class ConfigInvalid(AgentError):
    """The configuration cannot be used; the message names the key and never a secret value."""

    code = "config_invalid"


class AlreadyRunning(AgentError):
    """Another agent holds the lock of the data directory."""

    code = "already_running"


class AgentUnreachable(AgentError):
    """The agent that runs on this computer does not listen, or does not answer."""

    code = "agent_unreachable"


class EnrolmentRefused(AgentError):
    """Somebody cannot be enrolled as asked; the message says why and what to do."""

    code = "enrolment_refused"


class DriverError(AgentError):
    """A driver failed; what failed is in the message, the vendor's error is the cause."""

    code = "driver_error"


class DriverUnavailable(DriverError):
    """The hardware, or the library that talks to it, is not there."""

    code = "driver_unavailable"


class DriverTimeout(DriverError):
    """The hardware did not answer in time."""

    code = "driver_timeout"


class DriverProtocolError(DriverError):
    """The hardware answered with something that its data sheet does not allow."""

    code = "driver_protocol_error"

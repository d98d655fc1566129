"""Errors of the drivers.

AgentError
└── DriverError              driver_error            a driver failed; base of:
    ├── DriverUnavailable    driver_unavailable      hardware or its library is not there
    ├── DriverTimeout        driver_timeout          it did not answer in time
    └── DriverProtocolError  driver_protocol_error   it answered with something impossible
"""

from edge_agent.config import AgentError


class DriverError(AgentError):
    """Failure of a driver; the message names it and the vendor's error is the cause."""

    code = "driver_error"


class DriverUnavailable(DriverError):
    """The hardware or the library that drives it is missing."""

    code = "driver_unavailable"


class DriverTimeout(DriverError):
    """The hardware did not answer in time."""

    code = "driver_timeout"


class DriverProtocolError(DriverError):
    """The hardware gave an answer that its data sheet does not allow."""

    code = "driver_protocol_error"

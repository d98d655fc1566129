"""The configuration file of a terminal, read and checked."""

from edge_agent.config.agent import (
    AgentConfig,
    ApiConfig,
    CameraConfig,
    DecisionPolicy,
    DriverConfig,
    load_config,
    parse_config,
)

__all__ = [
    "AgentConfig",
    "ApiConfig",
    "CameraConfig",
    "DecisionPolicy",
    "DriverConfig",
    "load_config",
    "parse_config",
]

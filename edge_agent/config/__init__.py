"""Configuration file of a terminal: its models and its reader."""

from edge_agent.config.agent import AgentConfig, CameraConfig, DecisionPolicy, DriverConfig
from edge_agent.config.exceptions import AgentError, ConfigInvalid
from edge_agent.config.loading import load_config, parse_config
from edge_agent.config.sections import (
    ApiConfig,
    Language,
    LivenessMode,
    LookingConfig,
    MaskMode,
    PageConfig,
    PageLanguage,
    QueueConfig,
    Replay,
    TemperatureConfig,
    WatchdogConfig,
)

__all__ = [
    "AgentConfig",
    "AgentError",
    "ApiConfig",
    "CameraConfig",
    "ConfigInvalid",
    "DecisionPolicy",
    "DriverConfig",
    "Language",
    "LivenessMode",
    "LookingConfig",
    "MaskMode",
    "PageConfig",
    "PageLanguage",
    "QueueConfig",
    "Replay",
    "TemperatureConfig",
    "WatchdogConfig",
    "load_config",
    "parse_config",
]

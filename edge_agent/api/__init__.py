"""Device interface of the terminal: chapters 4 to 8 of the seed, over HTTP and a websocket."""

from edge_agent.api.accepted_calls import AcceptedCalls
from edge_agent.api.record_push import RecordHub
from edge_agent.api.server import ApiServer
from edge_agent.api.terminal import Terminal

__all__ = ["AcceptedCalls", "ApiServer", "RecordHub", "Terminal"]

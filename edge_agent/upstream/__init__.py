"""Client of the platform: chapter 9 of the seed."""

from edge_agent.upstream.heartbeat import HeartbeatSender
from edge_agent.upstream.platform_client import PlatformClient, Reply, problem_of, retry_after_s
from edge_agent.upstream.sync import LibrarySync, SyncLimits
from edge_agent.upstream.uplink import Uplink, UploadResult, UploadVerdict
from edge_agent.upstream.uploads import MessageLanguage, UploadWriter

__all__ = [
    "HeartbeatSender",
    "LibrarySync",
    "MessageLanguage",
    "PlatformClient",
    "Reply",
    "SyncLimits",
    "Uplink",
    "UploadResult",
    "UploadVerdict",
    "UploadWriter",
    "problem_of",
    "retry_after_s",
]

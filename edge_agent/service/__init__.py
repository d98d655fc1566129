"""Terminal process: assembly, start and stop, supervision, status.

What is exported here is quick to import. `edge_agent.service.runtime.run_agent` and
`edge_agent.service.assembly.assemble` load everything, so commands import them when they run.
"""

from edge_agent.service.exceptions import AgentUnreachable, AlreadyRunning, EnrolmentRefused
from edge_agent.service.instance_lock import instance_lock, is_held

__all__ = [
    "AgentUnreachable",
    "AlreadyRunning",
    "EnrolmentRefused",
    "instance_lock",
    "is_held",
]

"""Call store: rates, presence, last exchanges and state changes of calling terminals.

Short-lived notes that are not worth a write to the database, in Redis or, for a platform that is
one process, in memory. Both take the same steps, several at once, in one go.
"""

from functools import lru_cache

from django.conf import settings
from redis import RedisError

from server_common.process_state import forgets

from .memory import MemoryCallStore
from .redis import RedisCallStore
from .steps import CallStore, Check, Moved, Note, NoteFirst, Push, Put, Step, Take, Turn

# Raised while the store is away.
CallStoreAway = RedisError

__all__ = [
    "CallStore",
    "CallStoreAway",
    "Check",
    "MemoryCallStore",
    "Moved",
    "Note",
    "NoteFirst",
    "Push",
    "Put",
    "RedisCallStore",
    "Step",
    "Take",
    "Turn",
    "call_store",
]


@lru_cache(maxsize=1)
def call_store() -> CallStore:
    """Return the store of this platform."""
    return RedisCallStore(settings.REDIS_URL) if settings.REDIS_URL else MemoryCallStore()


forgets(call_store.cache_clear)

"""Store of calls shared by all processes: one script in Redis.

One way there and back instead of one for each step, because the client's part of each is what a
heartbeat costs most.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import redis

from .steps import Check, Moved, Note, NoteFirst, Push, Put, Step, Take, Turn

_PREFIX = "menjin:"
_TIMEOUT_S = 1
# Each step is its letter, its names among the keys and its values among the arguments.
_SCRIPT = """
local now, at, key = ARGV[1], 2, 1
while at <= #ARGV do
  local step, name = ARGV[at], KEYS[key]
  local a, b, c, d = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  if step == 'take' then
    local rate, burst = tonumber(a), tonumber(b)
    local kept = redis.call('HMGET', name, 'n', 't')
    local n, t = tonumber(kept[1]) or burst, tonumber(kept[2]) or tonumber(now)
    n = math.min(burst, n + math.max(0, tonumber(now) - t) * rate)
    local allowed = n >= 1
    if allowed then n = n - 1 end
    redis.call('HSET', name, 'n', tostring(n), 't', now)
    redis.call('EXPIRE', name, math.ceil(burst / rate) + 1)
    if not allowed then return 0 end
    at = at + 3
  elseif step == 'check' then
    local found = redis.call('GET', name) or ''
    if found ~= a then return found end
    at = at + 2
  elseif step == 'put' then
    redis.call('SET', name, a)
    at = at + 2
  elseif step == 'note' then
    redis.call('HSET', name, a, b)
    if c ~= '0' then redis.call('EXPIRE', name, c) end
    at = at + 4
  elseif step == 'first' then
    if redis.call('HLEN', name) < tonumber(c) then redis.call('HSETNX', name, a, b) end
    at = at + 4
  elseif step == 'push' then
    redis.call('LPUSH', name, a)
    redis.call('LTRIM', name, 0, tonumber(b) - 1)
    redis.call('EXPIRE', name, c)
    at = at + 4
  else
    local kept = redis.call('HGET', name, a) or ''
    if string.match(kept, '=([^ ]*)$') ~= b then
      local turns = {}
      for one in string.gmatch(kept, '[^ ]+') do table.insert(turns, one) end
      table.insert(turns, now .. '=' .. b)
      while #turns > tonumber(c) do table.remove(turns, 1) end
      redis.call('HSET', name, a, table.concat(turns, ' '))
      redis.call('EXPIRE', name, d)
      if #turns > 1 then redis.call('SADD', KEYS[key + 1], a) end
    end
    at, key = at + 5, key + 1
  end
  key = key + 1
end
return 1
"""


class RedisCallStore:
    """Store in Redis."""

    def __init__(self, url: str) -> None:
        # No terminal waits for a Redis that is away.
        self._redis: Any = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            decode_responses=True,
        )
        self._script: Any = self._redis.register_script(_SCRIPT)

    def run(self, steps: Sequence[Step], *, now: float) -> bool:
        """See ``CallStore``."""
        keys: list[str] = []
        arguments: list[str | float] = [f"{now:.3f}"]
        for step in steps:
            keys.append(_PREFIX + step.name)
            match step:
                case Take():
                    arguments += ("take", step.rate, step.burst)
                case Check():
                    arguments += ("check", step.value)
                case Put():
                    arguments += ("put", step.value)
                case Note():
                    arguments += ("note", step.field, step.value, step.keep_s)
                case NoteFirst():
                    arguments += ("first", step.field, step.value, step.most)
                case Push():
                    arguments += ("push", step.value, step.most, step.keep_s)
                case Turn():
                    keys.append(_PREFIX + step.turned)
                    arguments += ("turn", step.field, step.value, step.most, step.keep_s)
        answer = self._script(keys=keys, args=arguments)
        if isinstance(answer, str):
            raise Moved(answer)
        return bool(answer)

    def fields(self, name: str, fields: Iterable[str]) -> dict[str, str]:
        """See ``CallStore``."""
        asked = list(fields)
        if not asked:
            return {}
        values = self._redis.hmget(_PREFIX + name, asked)
        return {
            field: value for field, value in zip(asked, values, strict=True) if value is not None
        }

    def notes(self, name: str) -> dict[str, str]:
        """See ``CallStore``."""
        return dict(self._redis.hgetall(_PREFIX + name))

    def take_notes(self, name: str) -> dict[str, str]:
        """See ``CallStore``; emptied by renaming it away."""
        taken = f"{_PREFIX}{name}:taken"
        try:
            self._redis.rename(_PREFIX + name, taken)
        except redis.ResponseError:  # nothing was noted since the last time
            return {}
        notes = dict(self._redis.hgetall(taken))
        self._redis.delete(taken)
        return notes

    def pushed(self, name: str) -> list[str]:
        """See ``CallStore``."""
        return list(self._redis.lrange(_PREFIX + name, 0, -1))

    def take_turned(self, name: str) -> set[str]:
        """See ``CallStore``."""
        with self._redis.pipeline() as pipe:
            pipe.smembers(_PREFIX + name)
            pipe.delete(_PREFIX + name)
            members, _ = pipe.execute()
        return set(members)

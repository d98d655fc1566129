"""Call store in Redis, shared by all processes: one script.

One way there and back instead of one for each step, because the client's part of each is what a
heartbeat costs most; and one argument for all steps, because the client works on each.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import redis

from .steps import Moved, Step

_PREFIX = "menjin:"
_TIMEOUT_S = 1
# Steps are lists, as ``steps`` has their fields: the name first, the word for the step last. Names
# are no keys of the script: it runs at one server, whose keys have no slots.
_SCRIPT = """
local now = ARGV[1]
local at = tonumber(now)
for _, step in ipairs(cjson.decode(ARGV[2])) do
  local name, word = 'menjin:' .. step[1], step[#step]
  if word == 'take' then
    local rate, burst = step[2], step[3]
    local kept = redis.call('HMGET', name, 'n', 't')
    local n = math.min(burst, (tonumber(kept[1]) or burst)
      + math.max(0, at - (tonumber(kept[2]) or at)) * rate)
    local allowed = n >= 1
    if allowed then n = n - 1 end
    redis.call('HSET', name, 'n', tostring(n), 't', now)
    redis.call('EXPIRE', name, math.ceil(burst / rate) + 1)
    if not allowed then return 0 end
  elseif word == 'check' then
    local found = redis.call('GET', name) or ''
    if found ~= step[2] then return found end
  elseif word == 'put' then
    redis.call('SET', name, step[2])
  elseif word == 'note' then
    redis.call('HSET', name, step[2], step[3])
    if step[4] ~= 0 then redis.call('EXPIRE', name, step[4]) end
  elseif word == 'first' then
    if redis.call('HLEN', name) < step[4] then redis.call('HSETNX', name, step[2], step[3]) end
  elseif word == 'push' then
    redis.call('LPUSH', name, step[2])
    redis.call('LTRIM', name, 0, step[3] - 1)
    redis.call('EXPIRE', name, step[4])
  else
    local field, value, most, keep_s, turned = step[2], step[3], step[4], step[5], step[6]
    local kept = redis.call('HGET', name, field) or ''
    if string.match(kept, '=([^ ]*)$') ~= value then
      local turns = {}
      for one in string.gmatch(kept, '[^ ]+') do table.insert(turns, one) end
      table.insert(turns, now .. '=' .. value)
      while #turns > most do table.remove(turns, 1) end
      redis.call('HSET', name, field, table.concat(turns, ' '))
      redis.call('EXPIRE', name, keep_s)
      if #turns > 1 then redis.call('SADD', 'menjin:' .. turned, field) end
    end
  end
end
return 1
""".replace("menjin:", _PREFIX)
_packed = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
        answer = self._script(args=(f"{now:.3f}", _packed(steps)))
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

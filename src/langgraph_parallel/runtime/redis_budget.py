"""A budget that processes share through Redis: it outlives all of them.

The purse of a job has what was spent, and for each process what it has spent of its grants and what it holds
of them. A process that does not tell for `_LASTS` seconds is gone, by the server's clock: what it held counts
as spent from then on. Calls wait while Redis does not answer, since nobody else knows what is left; and none
begins any more once the purse is not the one that was used so far: Redis has lost it.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import GrantedBudget, caps_of, units_of
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.redis_limits import check_url, open_redis, warn

_LASTS = 15.0
"""Seconds after which a process that tells nothing is gone."""
_KEPT = 30 * 24 * 3600
"""Seconds that a purse is kept after it was used last."""
_LEAST_SECONDS, _USUAL_SECONDS, _LONGEST_SECONDS = 0.02, 0.2, 3.0
"""Seconds between two questions: at least; while calls are made; and while none are."""
_NONE_SECONDS = 0.05
"""The same after it has granted nothing."""
_GIVE_UP = 60.0
"""Seconds without an answer after which calls fail that wait for a grant."""

_LOST = (
    "Redis has lost the budget: it was restarted without its data, or emptied; run the same again, which "
    "goes on from what the sink has as spent, with a Redis that keeps its data (appendonly yes)"
)

# Numbers are whole: calls, tokens, billionths of a dollar. `%.0f`, since Lua writes large ones as 1e+15.
_SYNC = """
-- KEYS: purse, sessions. ARGV: session, its name; whether it is new; whether it ends; then, three each, caps
-- (-1: none), spent by earlier commands, spent of the grants, held, needed, wished; then milliseconds that
-- a session lasts, and those that a purse is kept; the part of the room that a grant beyond need may be; what
-- the purse was called that this process has used so far (empty: none), and what a new one is to be called.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local session = ARGV[1]
local function three(name)
  local got, numbers = redis.call('HMGET', KEYS[1], name .. 1, name .. 2, name .. 3), {}
  for i = 1, 3 do numbers[i] = tonumber(got[i] or 0) or 0 end
  return numbers
end
local function store(name, numbers)
  for i = 1, 3 do redis.call('HSET', KEYS[1], name .. i, string.format('%.0f', numbers[i])) end
end
local function finish(name)
  local all, spent, held = three('spent'), three('s:' .. name .. ':'), three('h:' .. name .. ':')
  for i = 1, 3 do
    all[i] = all[i] + spent[i] + held[i]
    redis.call('HDEL', KEYS[1], 's:' .. name .. ':' .. i, 'h:' .. name .. ':' .. i)
  end
  store('spent', all)
  redis.call('ZREM', KEYS[2], name)
end
local function given(from)
  return {tonumber(ARGV[from]), tonumber(ARGV[from + 1]), tonumber(ARGV[from + 2])}
end
local made = redis.call('HGET', KEYS[1], 'made')
if ARGV[25] ~= '' and made ~= ARGV[25] then return {'lost'} end
if not made then
  made = ARGV[26]
  redis.call('HSET', KEYS[1], 'made', made)
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do finish(name) end
if ARGV[2] == '0' and not redis.call('ZSCORE', KEYS[2], session) then return {'gone'} end
local caps, earlier, spent, held = given(4), given(7), given(10), given(13)
local needs, like = given(16), given(19)
local base = three('spent')
for i = 1, 3 do base[i] = math.max(base[i], earlier[i]) end
store('spent', base)
redis.call('ZADD', KEYS[2], now + ARGV[22], session)
store('s:' .. session .. ':', spent)
store('h:' .. session .. ':', held)
local names, all, open = redis.call('ZRANGE', KEYS[2], 0, -1), {base[1], base[2], base[3]}, {0, 0, 0}
for _, name in ipairs(names) do
  local s, h = three('s:' .. name .. ':'), three('h:' .. name .. ':')
  for i = 1, 3 do
    all[i] = all[i] + s[i]
    open[i] = open[i] + h[i]
  end
end
local granted, tight, rooms, fits = {0, 0, 0}, 0, {}, true
for i = 1, 3 do
  rooms[i] = caps[i] - all[i] - open[i]
  if caps[i] >= 0 and rooms[i] < needs[i] then fits = false end
end
if fits then
  for i = 1, 3 do
    local wished = math.max(needs[i], like[i])
    local part = wished
    if caps[i] >= 0 then part = math.floor(rooms[i] / (ARGV[24] * #names)) end
    granted[i] = math.max(needs[i], math.min(wished, part))
    held[i] = held[i] + granted[i]
  end
  store('h:' .. session .. ':', held)
end
-- Whoever holds more than all others could get has to share it.
for i = 1, 3 do
  if caps[i] >= 0 and rooms[i] - granted[i] < held[i] then tight = 1 end
end
if ARGV[3] == '1' then finish(session) end
redis.call('PEXPIRE', KEYS[1], ARGV[23])
redis.call('PEXPIRE', KEYS[2], ARGV[23])
local answer = {tostring(tight)}
for _, numbers in ipairs({granted, all}) do
  for i = 1, 3 do table.insert(answer, string.format('%.0f', numbers[i])) end
end
table.insert(answer, made)
return answer
"""


@contextlib.asynccontextmanager
async def open_redis_budget(
    url: str, job: str, limits: Limits, spent: Amount
) -> AsyncIterator[GrantedBudget]:
    """Open the purse of a job; give back what is not spent at the end.

    Args:
        url: of Redis.
        job: whose purse it is.
        limits: its budgets.
        spent: what earlier commands have spent, as it is known here: the purse may know more.

    Raises:
        UsageError: the URL is not valid, or the client is not installed.
    """
    check_url(url)
    purse = _RedisPurse((await open_redis(url))[0], job, limits, spent)
    await purse.sync()  # the first calls, of sync code too, find some room
    keeping = asyncio.ensure_future(purse.keep_up())
    try:
        yield purse.budget
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        await purse.sync(ends=True)


class _RedisPurse:
    """The purse of a job in Redis, and what this process has of it. Belongs to one event loop."""

    def __init__(self, redis: Any, job: str, limits: Limits, spent: Amount) -> None:
        self._script = redis.register_script(_SYNC)
        # Braces: both keys are on one server of a cluster.
        self._keys = [f"langgraph-parallel:{{{job}}}:{name}" for name in ("purse", "sessions")]
        self._caps = [-1 if cap is None else cap for cap in caps_of(limits)]
        self._earlier = units_of(spent)
        self._session, self._is_new = secrets.token_hex(8), 1
        self._made = ""
        """What the purse is called, by which it is known again; empty before the first answer."""
        self._is_lost = False
        self._loop = asyncio.get_running_loop()
        self._needed = asyncio.Event()
        self._answered_at = self._told_at = time.monotonic()
        self.budget = GrantedBudget(limits, self._need)

    async def keep_up(self) -> None:
        """Tell and ask, until it is cancelled; whatever ends it, calls that wait for it hear of."""
        try:
            await self._ask_when_due()
        except Exception as error:
            self.budget.close(f"the budget in Redis cannot be read: {describe(error)}")

    async def _ask_when_due(self) -> None:
        while not self._is_lost:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_USUAL_SECONDS, self.budget.half_lasts)):
                    await self._needed.wait()
            self._needed.clear()
            is_late = time.monotonic() - self._told_at > _LONGEST_SECONDS
            if self.budget.is_in_need or self.budget.has_news or is_late:
                await self.sync()
            await asyncio.sleep(_NONE_SECONDS if self.budget.is_in_need else _LEAST_SECONDS)

    async def sync(self, *, ends: bool = False) -> None:
        """Tell and ask once; without an answer, go on with what was granted."""
        self._told_at = time.monotonic()
        told = self.budget.told(all_of_it=ends)
        numbers = [number for name in ("spent", "held", "needs", "like") for number in told[name]]
        arguments = [self._session, self._is_new, int(ends), *self._caps, *self._earlier, *numbers]
        arguments += [round(_LASTS * 1000), _KEPT * 1000, 4, self._made, secrets.token_hex(8)]
        try:
            answer = await self._script(keys=self._keys, args=arguments)
        except Exception as error:
            warn(error)
            if time.monotonic() - self._answered_at > _GIVE_UP:
                self.budget.close(f"Redis, which has the budget, has not answered for {_GIVE_UP:.0f} s")
            return
        self._answered_at, self._is_new = time.monotonic(), 0
        if answer[0] == b"gone":
            self._session, self._is_new = secrets.token_hex(8), 1
            self.budget.begin_again()
            self._needed.set()
            return
        if answer[0] == b"lost":
            self._is_lost = True
            self.budget.begin_again()  # nothing of what was granted is used any more
            self.budget.close(_LOST)
            return
        *numbers, made = answer
        self._made = made.decode()
        tight, *both = map(int, numbers)
        self.budget.take({"tight": tight, "granted": both[:3], "spent": both[3:]})

    def _need(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._needed.set)

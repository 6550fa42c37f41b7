"""What Redis runs, each in one step: two processes must not both take the last place, or the same time.

The clock is that of the server, in milliseconds, since those of the processes differ. The keys of a model are

- `leases`: a sorted set of the requests in flight, by the time at which they expire
- `pause`: it exists while all are to pause
- `learned`: what was learned from answers of 429, by the rules of `runtime.pace` and `runtime.ceiling`
- `counts`: requests that were let through since, by tenths of a second
- `rates`: for each rate that is set, the time from which the next request may leave (`runtime.buckets`)
- `askers`: processes whose calls wait for a time to leave, by when they last asked
"""

from langgraph_parallel.runtime import buckets, ceiling, pace

_CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
"""

_PACE = (
    _CLOCK
    + """
local function get(name) return tonumber(redis.call('HGET', KEYS[3], name) or nil) end
local function set(name, value) redis.call('HSET', KEYS[3], name, string.format('%.17g', value)) end

-- Requests per second at a time.
local function rate_at(moment)
  local refused, seconds = get('rate'), (moment - get('raised_from')) / 1000
  if seconds < 0 then return refused * MARGIN end
  local raised = refused * (1 + TRIAL_RAISE * math.min(seconds, TRIAL_SECONDS))
  return raised * 2 ^ math.min(math.max(0, seconds - TRIAL_SECONDS) / DOUBLING_SECONDS, 30)
end

-- Requests that were let through since a time, and until another if one is given; the time of the first.
local function let_through(since, till)
  local all, sum, first = redis.call('HGETALL', KEYS[4]), 0, now
  for i = 1, #all, 2 do
    local moment = all[i] * 100
    first = math.min(first, moment)
    if moment >= since and moment <= (till or math.huge) then sum = sum + all[i + 1] end
  end
  return sum, first
end

local function count(moment, number)
  redis.call('HINCRBY', KEYS[4], math.floor(moment / 100), number)
  redis.call('PEXPIRE', KEYS[4], 120000)
  if redis.call('HLEN', KEYS[4]) > 1200 then
    for _, tenth in ipairs(redis.call('HKEYS', KEYS[4])) do
      if tenth * 100 < now - 61000 then redis.call('HDEL', KEYS[4], tenth) end
    end
  end
end

-- Set the pace from what was let through, once a pause that refusals have caused is over.
local function learn()
  local asked, last, known = get('asked'), get('last_refused'), get('rate')
  if not asked or redis.call('EXISTS', KEYS[2]) == 1 then return end
  redis.call('HDEL', KEYS[3], 'asked')
  if known and now - get('lowered_at') < 1000 then return end
  local pause = asked > 10 and asked or 1000
  if not known or last < get('raised_from') then
    -- The first refusal in a while, at a pace that has held: some requests came too close together.
    local since = last - (get('refused_before') or last)
    set('refused_before', last)
    if known and since > math.max(pause, 1000) / (1 - MARGIN) then return end
  end
  local least, window = 1000 / pause, math.max(1000, asked)
  local rate
  if not known then
    rate = math.max(let_through(last - window, last) / window * 1000, least)
  else
    local _, first = let_through(0)
    local begin = math.max(first, last - window)
    local seconds, since_raised = math.max(last - begin, 500) / 1000, last - get('raised_from')
    local through = let_through(begin) / seconds
    if since_raised >= 0 and since_raised <= TRIAL_SECONDS * 1000 then
      -- Half of what a trial says is believed.
      through = (known + let_through(begin, last) / seconds) / 2
    end
    rate = math.max(math.min(rate_at(last), math.max(through, 0.5 * known)), math.min(least, known))
  end
  if not known or rate / known < 0.85 or rate / known > 1 / 0.85 then set('held_since', now) end
  local plateau = math.max(PLATEAU_PAUSES * pause, AGE_SHARE * (now - get('held_since')))
  set('raised_from', now + math.min(math.max(plateau, SHORTEST_PLATEAU * 1000), LONGEST_PLATEAU * 1000))
  set('rate', rate)
  set('lowered_at', now)
  set('free', now)
  redis.call('DEL', KEYS[4])
  redis.call('PEXPIRE', KEYS[3], 600000)
end
"""
)
for _name, _value in {
    "PLATEAU_PAUSES": pace.SHARED_PATIENCE * pace.PLATEAU_PAUSES,
    "SHORTEST_PLATEAU": pace.SHORTEST_PLATEAU,
    "LONGEST_PLATEAU": pace.SHARED_PATIENCE * pace.LONGEST_PLATEAU,
    "TRIAL_SECONDS": pace.TRIAL_SECONDS,
    "TRIAL_RAISE": pace.TRIAL_RAISE,
    "DOUBLING_SECONDS": pace.DOUBLING_SECONDS,
    "AGE_SHARE": pace.AGE_SHARE,
    "MARGIN": pace.MARGIN,
}.items():
    _PACE = _PACE.replace(_name, str(_value))

LEASE = (
    _PACE
    + """
-- KEYS: leases, pause, learned, counts. ARGV: concurrency, id, milliseconds, whether it gets a time to leave.
-- 0: the lease is there. > 0: milliseconds of a pause. -1: all are taken. -2: it needs a time to leave.
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return pause end
learn()
if ARGV[4] == '0' and get('rate') then return -2 end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local most, ceiling, in_flight = tonumber(ARGV[1]), get('ceiling'), redis.call('ZCARD', KEYS[1])
if in_flight + 1 > math.min(most, ceiling or most) then return -1 end
if ceiling and in_flight + 1 >= ceiling - 1 then set('ceiling', ceiling + 1 / ceiling) end
redis.call('ZADD', KEYS[1], math.floor(now + ARGV[3]), ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
if ARGV[4] == '0' then count(now, 1) end
return 0
"""
)
RENEW = (
    _CLOCK
    + """
redis.call('ZADD', KEYS[1], 'XX', math.floor(now + ARGV[2]), ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""
)
REFUSED = (
    _PACE
    + """
-- KEYS: as of a lease. ARGV: milliseconds since it left; those to pause, -1 if it is not said; concurrency;
-- requests per minute that are set, 0 for none.
local left, pause = now - ARGV[1], tonumber(ARGV[2])
local most, ceiling, in_flight = tonumber(ARGV[3]), get('ceiling'), redis.call('ZCARD', KEYS[1])
local at_ceiling = in_flight >= math.min(ceiling or most, most) and in_flight > 1
if at_ceiling and left > (get('ceiling_lowered') or 0) then
  set('ceiling', math.max(1, CEILING_DECREASE * math.min(ceiling or in_flight, in_flight)))
  set('ceiling_lowered', now)
end
redis.call('PEXPIRE', KEYS[3], 600000)
if pause < 0 and at_ceiling then return end
count(left, -1)
if pause > 0 and redis.call('PTTL', KEYS[2]) < pause - ARGV[1] then
  redis.call('SET', KEYS[2], 1, 'PX', math.max(1, math.floor(pause)))
end
-- The rate is right where so much was let through: some came too close together.
local set_rate = tonumber(ARGV[4])
if pause >= 0 and set_rate > 0 and let_through(left - 1000) >= EVEN_SHARE * set_rate / 60 then return end
set('asked', math.max(get('asked') or 0, pause, 0))
set('last_refused', math.max(get('last_refused') or 0, left))
""".replace("CEILING_DECREASE", str(ceiling.DECREASE)).replace("EVEN_SHARE", str(pace.EVEN_SHARE))
)
DEPARTURES = (
    _PACE
    + """
-- KEYS: leases, pause, learned, counts, rates, askers. ARGV: the process; milliseconds to grant ahead; for
-- requests, then for tokens: a name of the rate, milliseconds for one, tolerance ('', 0, 0 without a rate);
-- how many times were missed, and milliseconds since each; the tokens of each call. Returns the time to wait
-- before asking again, the time now, then for each call that is granted the time until it may leave; all in
-- thousandths of milliseconds.
redis.call('ZADD', KEYS[6], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now - 500)
redis.call('PEXPIRE', KEYS[6], 1000)
local ahead, active = tonumber(ARGV[2]), redis.call('ZCARD', KEYS[6])
local calls = 10 + ARGV[9]
for i = 10, calls - 1 do
  local missed = now - ARGV[i]
  if redis.call('HEXISTS', KEYS[4], math.floor(missed / 100)) == 1 then count(missed, -1) end
end
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return {pause * 1000, math.floor(now * 1000)} end
learn()
local lines = {}
for i = 3, 6, 3 do
  if ARGV[i] ~= '' then
    table.insert(lines, {
      name = ARGV[i], each = tonumber(ARGV[i + 1]), early = tonumber(ARGV[i + 2]), is_tokens = i == 6,
      free = tonumber(redis.call('HGET', KEYS[5], ARGV[i]) or '-1e15'),
    })
  end
end
local paced, moment, ends, granted = get('rate'), now, now + ahead, {0, math.floor(now * 1000)}
local pace_free = paced and get('free') or 0
if paced and now > get('raised_from') then
  -- A pace of which less than half is used was not tried, and is not raised.
  local rate, last = rate_at(now), get('last') or now
  if let_through(now - 1000) < rate / 2 then
    set('raised_from', get('raised_from') + now - math.max(last, get('raised_from')))
  end
end
for i = calls, #ARGV do
  local leaves = math.max(moment, pace_free)
  for _, line in ipairs(lines) do leaves = math.max(leaves, line.free) end
  if leaves > ends then
    granted[1] = math.max(10, leaves - ahead - now) * 1000
    break
  end
  for _, line in ipairs(lines) do
    local start = math.max(line.free, leaves - line.early)
    if leaves - line.free > REST then start = leaves + START end
    line.free = start + line.each * (line.is_tokens and tonumber(ARGV[i]) or 1)
  end
  if paced then
    local interval = 1000 / rate_at(leaves)
    pace_free = math.max(leaves - interval / 2, pace_free) + interval
  end
  moment = leaves
  if i == calls then ends = math.min(ends, moment + ahead / active) end
  count(leaves, 1)
  table.insert(granted, math.floor((leaves - now) * 1000))
end
for _, line in ipairs(lines) do
  redis.call('HSET', KEYS[5], line.name, string.format('%.17g', line.free))
  redis.call('PEXPIRE', KEYS[5], 600000)
end
if paced then
  set('free', pace_free)
  set('last', now)
end
return granted
""".replace("REST", str(1000 * buckets.REST)).replace("START", str(1000 * buckets.START))
)

-- Shared by all scripts of the index. KEYS[1] is its prefix, "{dub}:": the braces
-- keep all its keys in one slot of a Redis Cluster.
--   hb      zset  node -> time of its last heartbeat
--   av      zset  nodes that take sessions and have room -> left * 1000 + headroom
--   n:ID    hash  a node: boot token state addr cap used gpu mem head holds, refused: 1 until its next heartbeat
--   ns:ID   set   the sessions whose places are counted in `used`
--   s:ID    hash  a claim: node boot addr fence cost try, of the holder before wnode wboot waddr; of an ended one the fence only
--   pend    zset  unconfirmed sessions -> when they end
--   fence   the highest fence or token given
--   deaths  how many nodes were found dead and are not told of yet
--   heard, since, lost   times: see hear() and the scripts beat and hold
-- Times are microseconds of Redis' clock, the only one that counts; costs and
-- capacities are thousandths of a place.
local P = KEYS[1]
local DEAD, GAP, CONFIRM, KEEP = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]

-- str writes a whole number in full: tostring has 14 digits.
local function str(x) return string.format('%.0f', x) end

local function get(name) return tonumber(redis.call('GET', P .. name) or '0') end

-- hear notes that somebody reached Redis: `since` is when the last silence of all ended.
local function hear()
  if now - get('heard') > GAP then redis.call('SET', P .. 'since', str(now)) end
  redis.call('SET', P .. 'heard', str(now))
end

-- away tells whether Redis itself was away, or could not be written, within the last
-- DEAD: silence proves nobody's death then.
local function away() return now - get('heard') > GAP or now - get('since') <= DEAD end

-- rise returns a number above all it returned before. It is Redis' time at least, so
-- that it rises on after Redis has lost its newest writes.
local function rise()
  local n = math.max(get('fence') + 1, now)
  redis.call('SET', P .. 'fence', str(n))
  return n
end

local function silent(id)
  local beat = redis.call('ZSCORE', P .. 'hb', id)
  return not beat or now - tonumber(beat) >= DEAD
end

-- index enters a node among those that have room, or takes it out.
local function index(id)
  local n = redis.call('HMGET', P .. 'n:' .. id, 'cap', 'used', 'head', 'state', 'holds', 'refused')
  local left = tonumber(n[1] or '0') - tonumber(n[2] or '0')
  if n[4] == 'serving' and left > 0 and n[6] ~= '1' and redis.call('SCARD', P .. 'ns:' .. id) >= tonumber(n[5]) then
    redis.call('ZADD', P .. 'av', str(left * 1000 + tonumber(n[3])), id)
  else
    redis.call('ZREM', P .. 'av', id)
  end
end

-- attach counts a session's place at a node, once.
local function attach(session, id, cost)
  if redis.call('SADD', P .. 'ns:' .. id, session) == 1 then
    redis.call('HINCRBY', P .. 'n:' .. id, 'used', str(cost))
  end
  index(id)
end

-- detach frees it, if the node still has it.
local function detach(session, id, cost)
  redis.call('ZREM', P .. 'pend', session)
  if redis.call('SREM', P .. 'ns:' .. id, session) == 1 then
    redis.call('HINCRBY', P .. 'n:' .. id, 'used', str(-cost))
    index(id)
  end
end

-- forget takes a node out and returns its sessions, whose claims wait to be moved.
local function forget(id)
  local sessions = redis.call('SMEMBERS', P .. 'ns:' .. id)
  redis.call('ZREM', P .. 'hb', id)
  redis.call('ZREM', P .. 'av', id)
  redis.call('DEL', P .. 'n:' .. id, P .. 'ns:' .. id)
  for _, s in ipairs(sessions) do
    redis.call('ZREM', P .. 'pend', s)
    redis.call('EXPIRE', P .. 's:' .. s, KEEP)
  end
  return sessions
end

-- died counts a node that was found dead.
local function died() redis.call('SET', P .. 'deaths', str(get('deaths') + 1), 'EX', KEEP) end

local function held(session)
  return redis.call('HMGET', P .. 's:' .. session, 'node', 'boot', 'fence', 'cost', 'try', 'addr', 'wnode', 'wboot', 'waddr')
end

-- claim answers with a claim: node, boot, fence, cost, address, 1 if the node is lost,
-- and the holder before.
local function claim(word, s)
  local lost = redis.call('HGET', P .. 'n:' .. s[1], 'boot') ~= s[2] or silent(s[1]) and not away()
  return { word, s[1], s[2], s[3], s[4], s[6] or '', lost and '1' or '0', s[7] or '', s[8] or '', s[9] or '' }
end

-- Shared by place and move: the choice of a node, in logarithmic time.

-- first returns the node of the best score that has room for cost.
local function first(policy, cost)
  if policy == 'pack' then
    local least = redis.call('ZRANGEBYSCORE', P .. 'av', str(cost * 1000), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not least[1] then return nil end
    local left = math.floor(tonumber(least[2]) / 1000)
    return redis.call('ZREVRANGEBYSCORE', P .. 'av', str(left * 1000 + 999), str(left * 1000), 'LIMIT', 0, 1)[1]
  end
  return redis.call('ZREVRANGEBYSCORE', P .. 'av', '+inf', str(cost * 1000), 'LIMIT', 0, 1)[1]
end

-- choose returns a node that lives and has room. Dead ones leave the index, so that
-- they are met once.
local function choose(policy, cost)
  while true do
    local id = first(policy, cost)
    if not id or not silent(id) then return id end
    redis.call('ZREM', P .. 'av', id)
  end
end

-- assign claims a place, and answers with the claim; nil if no node has room. `was`
-- is the claim before, empty for a new session; `back` the one node that is meant,
-- which has the session already, nil for whoever has room. The fence is from rise(), called
-- before all other writes: a full Redis refuses it, and nothing is half done.
local function assign(session, cost, try, policy, fence, was, back)
  local id = back or choose(policy, cost)
  if not id then return nil end
  local n = redis.call('HMGET', P .. 'n:' .. id, 'boot', 'addr')
  redis.call('HSET', P .. 's:' .. session, 'node', id, 'boot', n[1], 'addr', n[2], 'fence', str(fence), 'cost', str(cost), 'try', try,
    'wnode', was[1] or '', 'wboot', was[2] or '', 'waddr', was[6] or '')
  redis.call('PERSIST', P .. 's:' .. session)
  redis.call('ZADD', P .. 'pend', str(now + CONFIRM), session)
  attach(session, id, cost)
  return claim('ok', held(session))
end

-- hold proves a claim to its node, and confirms it. What Redis lost is entered again.
local session, id, boot, shown, cost = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local n = redis.call('HMGET', P .. 'n:' .. id, 'boot', 'addr')
if n[1] ~= boot then return { 'node' } end
if shown <= 0 or shown > math.max(get('fence'), now) then return { 'stale' } end -- never given
local key = P .. 's:' .. session
local s = held(session)
local known = tonumber(s[3] or '0')
if s[1] == id and s[2] == boot and known == shown then
  cost = tonumber(s[4])
elseif known == 0 or (shown > known and now - get('lost') < KEEP * 1000000 and get('lost') > 0) then
  -- Only a Redis that lost writes can know less than a node.
  if s[1] then detach(session, s[1], tonumber(s[4])) end
  redis.call('SET', P .. 'fence', str(math.max(get('fence'), shown)))
  redis.call('HSET', key, 'node', id, 'boot', boot, 'addr', n[2] or '', 'fence', str(shown), 'cost', str(cost), 'try', '')
else
  return { 'stale' }
end
redis.call('PERSIST', key)
redis.call('ZREM', P .. 'pend', session)
attach(session, id, cost)
return { 'ok' }

-- beat renews a node, if it shows the token that its last beat was answered with.
local id, boot, token = ARGV[5], ARGV[6], tonumber(ARGV[7])
local key = P .. 'n:' .. id
hear()
local have = redis.call('HMGET', key, 'boot', 'token')
if have[1] and have[1] ~= boot then
  if not silent(id) then return { 'taken' } end
  forget(id)
  died()
  have = {}
end
local last = tonumber(have[2] or '0')
-- A token that Redis does not remember: it has lost its newest writes.
if token > get('fence') or (last > 0 and token > last) then redis.call('SET', P .. 'lost', str(now)) end
local fresh = rise()
redis.call('HSET', key, 'boot', boot, 'token', str(fresh))
if token == 0 or token ~= last then
  -- One that never shows its token is not kept.
  if not redis.call('ZSCORE', P .. 'hb', id) then redis.call('EXPIRE', key, KEEP) end
  return { 'again', str(fresh) }
end
redis.call('PERSIST', key)
redis.call('HSET', key, 'state', ARGV[8], 'addr', ARGV[9], 'cap', ARGV[10], 'gpu', ARGV[11], 'mem', ARGV[12], 'head', ARGV[13], 'holds', ARGV[14], 'refused', '0')
redis.call('ZADD', P .. 'hb', str(now), id)
index(id)
return { 'ok', str(fresh), str(now), str(redis.call('SCARD', P .. 'ns:' .. id)), redis.call('HGET', key, 'used') or '0' }

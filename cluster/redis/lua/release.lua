-- release ends a claim. Its fence is remembered, so that no node takes it up again.
local s = held(ARGV[5])
if not s[1] then return { 'ok' } end
if s[3] ~= ARGV[6] then return { 'stale' } end
local key = P .. 's:' .. ARGV[5]
redis.call('DEL', key)
detach(ARGV[5], s[1], tonumber(s[4]))
redis.call('HSET', key, 'fence', s[3])
redis.call('EXPIRE', key, KEEP)
return { 'ok' }

-- save adds a part to a session's checkpoint or replaces all parts. KEYS: the
-- checkpoint's hash (fence, size, erased) and list of parts, in one slot.
local shown, part, replace, most, keep = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
local t = redis.call('TIME')
local have = redis.call('HMGET', KEYS[1], 'fence', 'size', 'erased')
local known, size = tonumber(have[1] or '0'), tonumber(have[2] or '0')
-- The index may be at another server, whose clock differs: by a minute at most.
local latest = (t[1] + 60) * 1000000 + t[2]
if have[3] or shown < known or shown <= 0 or shown > latest then return { 'stale' } end
size = (replace and 0 or size) + #part
if size > most then return { 'big', string.format('%.0f', size) } end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'size', string.format('%.0f', size))
if replace then redis.call('DEL', KEYS[2]) end
redis.call('RPUSH', KEYS[2], part)
redis.call('EXPIRE', KEYS[1], keep)
redis.call('EXPIRE', KEYS[2], keep)
return { 'ok' }

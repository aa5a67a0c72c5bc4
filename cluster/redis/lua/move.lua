-- move gives a session whose fence the caller has seen to another node.
local session, cost, try, policy, seen, refused = ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9], ARGV[10] == '1'
local back, boot = ARGV[11], ARGV[12] -- to whom it goes back; empty for whoever has room
local s = held(session)
if not s[1] then return { 'unknown' } end
if s[5] == try then return claim('ok', s) end
if s[3] ~= seen then return claim('stale', s) end
if back ~= '' and redis.call('HGET', P .. 'n:' .. back, 'boot') ~= boot then return { 'node' } end
local fence = rise()
-- The holder is left out of the choice; a successor under its name is not. One that
-- has refused the session is given nothing more until its next heartbeat.
local same = redis.call('HGET', P .. 'n:' .. s[1], 'boot') == s[2]
if same and refused then redis.call('HSET', P .. 'n:' .. s[1], 'refused', '1') end
local score = same and redis.call('ZSCORE', P .. 'av', s[1])
if score then redis.call('ZREM', P .. 'av', s[1]) end
local to = assign(session, cost, try, policy, fence, s, back ~= '' and back or nil)
if score and not refused then redis.call('ZADD', P .. 'av', score, s[1]) end
if not to then return { 'full' } end
if back ~= s[1] and redis.call('SREM', P .. 'ns:' .. s[1], session) == 1 then
  redis.call('HINCRBY', P .. 'n:' .. s[1], 'used', str(-tonumber(s[4])))
  index(s[1])
end
return to

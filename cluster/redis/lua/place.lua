-- place claims a place for a session that has none.
local session, cost, try, policy = ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
local s = held(session)
if s[1] then
  -- A call that is repeated because its answer was lost.
  return claim(s[5] == try and 'ok' or 'claimed', s)
end
return assign(session, cost, try, policy, rise(), {}) or { 'full' }

-- reap takes out dead nodes and unconfirmed claims, and answers with what was lost
-- with the nodes: session, node, boot, fence, cost, address, six to each.
hear()
local out = { 'ok' }
if away() then return out end
for _, session in ipairs(redis.call('ZRANGEBYSCORE', P .. 'pend', '-inf', str(now), 'LIMIT', 0, 100)) do
  local s = held(session)
  redis.call('DEL', P .. 's:' .. session)
  redis.call('ZREM', P .. 'pend', session)
  if s[1] then detach(session, s[1], tonumber(s[4])) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'hb', '-inf', str(now - DEAD), 'LIMIT', 0, 10)) do
  died()
  for _, session in ipairs(forget(id)) do
    local s = held(session)
    if s[1] then
      for _, v in ipairs({ session, s[1], s[2], s[3], s[4], s[6] or '' }) do out[#out + 1] = v end
    end
  end
end
return out

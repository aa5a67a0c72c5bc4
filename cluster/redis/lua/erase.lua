-- erase forgets a checkpoint. The mark stays, so that what is on its way is refused.
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'erased', '1')
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[1]))
return { 'ok' }

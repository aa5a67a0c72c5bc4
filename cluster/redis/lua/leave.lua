-- leave takes a node out, if it is still this process's.
if redis.call('HGET', P .. 'n:' .. ARGV[5], 'boot') == ARGV[6] then forget(ARGV[5]) end
return { 'ok' }

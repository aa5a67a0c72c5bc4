-- deaths tells how many nodes were found dead, each once.
local n = get('deaths')
redis.call('DEL', P .. 'deaths')
return { 'ok', str(n) }

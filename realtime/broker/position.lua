-- Where an appended stream stands; one that is not there yet is begun, so that it has an epoch.
-- KEYS: the stream's meta hash, the stream. ARGV: an epoch in case the stream begins here, ttl of
-- the meta hash in ms (0: for ever). Returns epoch and newest offset.
local meta, stream = KEYS[1], KEYS[2]
local meta_ttl = tonumber(ARGV[2])
local known = redis.call('HMGET', meta, 'e', 'o')
local epoch, top = known[1], known[2]
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', meta, 'e', epoch)
  redis.call('DEL', stream)
end
if meta_ttl > 0 then
  redis.call('PEXPIRE', meta, meta_ttl)
else
  redis.call('PERSIST', meta)
end
return {epoch, tonumber(top or 0)}

-- A run of a map's changes, ascending by offset.
-- KEYS: the map's meta hash, its changes, and the offsets of its keys.
-- ARGV: above which offset, how many, an epoch in case the map begins here, and for how long, in
-- ms, a map stands that was only ever asked for.
-- Returns offset, epoch and floor of the map, then the changes.
local meta = KEYS[1]
local known = redis.call('HMGET', meta, 'e', 'o', 'f')
if not known[1] then
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', meta, 'e', ARGV[3], 'o', 0, 'f', 0)
  redis.call('PEXPIRE', meta, ARGV[4])
  return {0, ARGV[3], 0}
end
local found = {tonumber(known[2]), known[1], tonumber(known[3])}
local keys = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
if #keys > 0 then
  for _, change in ipairs(redis.call('HMGET', KEYS[2], unpack(keys))) do
    if change then
      found[#found + 1] = change
    end
  end
end
return found

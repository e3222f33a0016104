-- Which keys of which maps have come to their time.
-- KEYS: the set of expiring maps, by the name of their changes.
-- ARGV: how many keys at most, and how the names of a map's changes and of its expiries begin.
-- Returns names of changes and keys, in turns. A map that is looked at in vain is put where it belongs.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local room = tonumber(ARGV[1])
local due = {}
for _, changes in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, room)) do
  local expiries = ARGV[3] .. string.sub(changes, #ARGV[2] + 1)
  local keys = redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, room)
  for _, key in ipairs(keys) do
    due[#due + 1] = changes
    due[#due + 1] = key
  end
  room = room - #keys
  if #keys == 0 then
    local soonest = redis.call('ZRANGE', expiries, 0, 0, 'WITHSCORES')
    if soonest[2] then
      redis.call('ZADD', KEYS[1], soonest[2], changes)
    else
      redis.call('ZREM', KEYS[1], changes)
    end
  end
  if room <= 0 then
    break
  end
end
return due

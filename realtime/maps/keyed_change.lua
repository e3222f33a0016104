-- Change keys of maps and publish each change: all of a change in one step.
-- KEYS: the set of expiring maps, then for each change the map's meta hash (e: epoch, o: newest
-- offset, f: floor, r: removals kept), its changes (hash by key), and sorted sets of its keys:
-- offsets, removals and expiries.
-- ARGV: 12 for each change: the key; the encoded publication's head (all before offset and epoch)
-- and tail (all after); its pub/sub channel; 'set', 'remove' or 'expire'; '', 'if_new' or
-- 'if_exists'; 1 to refresh the time to live all the same; time to live in ms; removals kept
-- (where a key expires: as were asked for last); most keys; time to live of the map in ms (times:
-- 0 for ever); an epoch in case the map begins here.
-- Returns offset, epoch and the reason why it was not made ('' where it was) of each.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local expiring = KEYS[1]
local outcomes = {}
local kept = {}
for n = 0, (#KEYS - 1) / 5 - 1 do
  local meta, changes, offsets = KEYS[5 * n + 2], KEYS[5 * n + 3], KEYS[5 * n + 4]
  local removals, expiries = KEYS[5 * n + 5], KEYS[5 * n + 6]
  local at = 12 * n
  local key, action, mode = ARGV[at + 1], ARGV[at + 5], ARGV[at + 6]
  local ttl, map_ttl = tonumber(ARGV[at + 8]), tonumber(ARGV[at + 11])
  local max_keys = tonumber(ARGV[at + 10])
  local known = redis.call('HMGET', meta, 'e', 'r')
  local epoch, removed_size = known[1], known[2]
  if not epoch then
    epoch = ARGV[at + 12]
    redis.call('DEL', changes, offsets, removals, expiries)
    redis.call('HSET', meta, 'e', epoch, 'o', 0, 'f', 0)
  end
  if action ~= 'expire' and removed_size ~= ARGV[at + 9] then
    removed_size = ARGV[at + 9]
    redis.call('HSET', meta, 'r', removed_size)
  end
  local exists = redis.call('HEXISTS', changes, key) == 1
    and not redis.call('ZSCORE', removals, key)
  local reason = ''
  if action == 'expire' then
    local due = redis.call('ZSCORE', expiries, key)
    if not due or tonumber(due) > now then
      reason = 'key_not_found'
    end
  elseif (action == 'remove' or mode == 'if_exists') and not exists then
    reason = 'key_not_found'
  elseif mode == 'if_new' and exists then
    reason = 'key_exists'
  elseif action == 'set' and not exists and max_keys > 0
    and redis.call('HLEN', changes) - redis.call('ZCARD', removals) >= max_keys then
    reason = 'limit'
  end
  local offset
  if reason == '' then
    offset = redis.call('HINCRBY', meta, 'o', 1)
    local change = ARGV[at + 2] .. cmsgpack.pack(offset) .. cmsgpack.pack(epoch) .. ARGV[at + 3]
    redis.call('HSET', changes, key, change)
    redis.call('ZADD', offsets, offset, key)
    if action == 'set' then
      redis.call('ZREM', removals, key)
    else
      redis.call('ZADD', removals, offset, key)
    end
    local surplus = redis.call('ZCARD', removals) - tonumber(removed_size or 0)
    if surplus > 0 then
      local forgotten = redis.call('ZPOPMIN', removals, surplus)
      for m = 1, #forgotten, 2 do
        redis.call('HDEL', changes, forgotten[m])
        redis.call('ZREM', offsets, forgotten[m])
        redis.call('HSET', meta, 'f', forgotten[m + 1])
      end
    end
    redis.call('PUBLISH', ARGV[at + 4], change)
  else
    offset = tonumber(redis.call('HGET', meta, 'o'))
  end
  if reason == '' or (reason == 'key_exists' and ARGV[at + 7] == '1') then
    if action == 'set' and ttl > 0 then
      redis.call('ZADD', expiries, now + ttl, key)
      redis.call('ZADD', expiring, 'LT', now + ttl, changes)
    else
      redis.call('ZREM', expiries, key)
    end
  end
  if action ~= 'expire' then
    kept[meta] = {map_ttl, changes, offsets, removals, expiries}
  end
  outcomes[3 * n + 1], outcomes[3 * n + 2], outcomes[3 * n + 3] = offset, epoch, reason
end
for meta, map in pairs(kept) do
  map[6] = meta
  for n = 2, 6 do
    if map[1] > 0 then
      redis.call('PEXPIRE', map[n], map[1])
    else
      redis.call('PERSIST', map[n])
    end
  end
end
return outcomes

-- Who is on one channel: every operation, for all begin with sending away those whose time is over.
-- KEYS: who (peer by client), until when (client by Unix ms), how many of each user.
-- ARGV: the operation, then
--   'add': ttl in ms, then for each client its id, its user and the encoded peer
--   'remove': the clients' ids
--   'clients': nothing. Returns clients and encoded peers in turn.
--   'stats': nothing. Returns how many clients, how many users.
-- The time is that of Redis: the nodes' clocks need not agree.
local who, ends, users = KEYS[1], KEYS[2], KEYS[3]
local operation = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function count_out(peer)
  -- Its first element, behind the one byte of the array's head: this cmsgpack cannot read the
  -- binary strings that come after.
  local _, user = cmsgpack.unpack_one(peer, 1)
  if redis.call('HINCRBY', users, user, -1) <= 0 then
    redis.call('HDEL', users, user)
  end
end

local function leave(client)
  local peer = redis.call('HGET', who, client)
  if peer then
    count_out(peer)
    redis.call('HDEL', who, client)
  end
  redis.call('ZREM', ends, client)
end

for _, client in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
  leave(client)
end

if operation == 'clients' then
  return redis.call('HGETALL', who)
elseif operation == 'stats' then
  return {redis.call('HLEN', who), redis.call('HLEN', users)}
elseif operation == 'remove' then
  for at = 2, #ARGV do
    leave(ARGV[at])
  end
else
  local ttl = tonumber(ARGV[2])
  for at = 3, #ARGV, 3 do
    local client, user, peer = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local known = redis.call('HGET', who, client)
    if known ~= peer then
      if known then
        count_out(known)
      end
      redis.call('HINCRBY', users, user, 1)
      redis.call('HSET', who, client, peer)
    end
    redis.call('ZADD', ends, now + ttl, client)
  end
  for _, key in ipairs(KEYS) do
    -- Together, and after the last of the clients: what is left behind of dead nodes goes as well.
    redis.call('PEXPIRE', key, 2 * ttl)
  end
end

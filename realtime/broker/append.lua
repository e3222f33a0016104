-- Put a publication behind the newest of its stream, and publish it, all in one step.
-- KEYS: the stream's meta hash (e: epoch, o: newest offset), the stream, and where the caller gave
-- an idempotency key, the answer to it.
-- ARGV: an epoch in case the stream begins here, the encoded publication's head (all before offset
-- and epoch) and tail (all after), its pub/sub channel, then what to keep: size, ttl in ms, ttl of
-- the meta hash in ms (0: for ever), ttl of the answer in ms.
-- Returns offset and epoch.
local meta, stream, answer = KEYS[1], KEYS[2], KEYS[3]
local meta_ttl = tonumber(ARGV[7])
if answer then
  local known = redis.call('GET', answer)
  if known then
    local offset, epoch = string.match(known, '^(%d+) (.*)$')
    return {tonumber(offset), epoch}
  end
end
local epoch = redis.call('HGET', meta, 'e')
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', meta, 'e', epoch)
  redis.call('DEL', stream)
end
local offset = redis.call('HINCRBY', meta, 'o', 1)
if meta_ttl > 0 then
  redis.call('PEXPIRE', meta, meta_ttl)
else
  redis.call('PERSIST', meta)
end
local publication = ARGV[2] .. cmsgpack.pack(offset) .. cmsgpack.pack(epoch) .. ARGV[3]
redis.call('XADD', stream, 'MAXLEN', ARGV[5], offset .. '-0', 'p', publication)
redis.call('PEXPIRE', stream, ARGV[6])
redis.call('PUBLISH', ARGV[4], publication)
if answer then
  redis.call('SET', answer, offset .. ' ' .. epoch, 'PX', ARGV[8])
end
return {offset, epoch}

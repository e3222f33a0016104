-- Append facts to their channels' streams and publish each, all in one step.
-- KEYS: the stream of each fact. ARGV: size and ttl in seconds of all streams, then for each fact
-- its offset, its epoch, the encoded publication, and its pub/sub channel.
-- Returns how many were new; an offset that its stream has passed already is a repeat.
local size, ttl = ARGV[1], ARGV[2]
local new = 0
for n, stream in ipairs(KEYS) do
  local at = 4 * n - 1
  local offset, epoch, fact = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  local repeated = false
  if newest then
    if newest[2][2] ~= epoch then
      redis.call('DEL', stream)
    else
      repeated = tonumber(string.match(newest[1], '^%d+')) >= tonumber(offset)
    end
  end
  if not repeated then
    redis.call('XADD', stream, 'MAXLEN', '~', size, offset .. '-0', 'e', epoch, 'p', fact)
    redis.call('EXPIRE', stream, ttl)
    redis.call('PUBLISH', ARGV[at + 3], fact)
    new = new + 1
  end
end
return new

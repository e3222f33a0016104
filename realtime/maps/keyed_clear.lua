-- Empty a map and begin it anew, and tell those who read it.
-- KEYS: the map's meta hash, changes, offsets, removals and expiries.
-- ARGV: the new epoch, the encoded beginning, its pub/sub channel, and for how long, in ms, a map
-- stands that nobody changes.
redis.call('DEL', unpack(KEYS))
redis.call('HSET', KEYS[1], 'e', ARGV[1], 'o', 1, 'f', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[3], ARGV[2])
return 1

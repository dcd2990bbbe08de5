-- KEYS: the rests. ARGV: which rest; what is told of it; how long it is, in ms; how many are kept; the channel; what the news begin
-- with. All are forgotten when there are too many: each host finds out for itself.
local n = redis.pcall('HLEN', KEYS[1])
if type(n) ~= 'number' or n >= tonumber(ARGV[4]) then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('PUBLISH', ARGV[5], ARGV[6] .. ARGV[2])
return 1

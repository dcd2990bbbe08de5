-- KEYS: the lock. ARGV: its owner, how many ms it lasts from now on. 1 if the owner has it.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1

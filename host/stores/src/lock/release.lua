-- KEYS: the lock. ARGV: its owner. 1 if it was his.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0

-- KEYS: the record. ARGV: what stands there if it is to go.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1

-- KEYS: the answer. ARGV: what names of answers begin with (same tag as KEYS); the time to live in ms; the name of the answer that it
-- continues, or nothing; how many answers a conversation may have; then fields and values. What it continues lives as long as it
-- does. Answers 1, or 0 where what it continues is not there: then nothing is written.
local before = ARGV[3]
for _ = 1, tonumber(ARGV[4]) do
  if before == '' then
    break
  end
  local key = ARGV[1] .. before
  if redis.call('PEXPIRE', key, ARGV[2]) == 0 then
    return 0
  end
  before = redis.call('HGET', key, 'before') or ''
end
if before ~= '' then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'before', ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1

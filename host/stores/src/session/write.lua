-- KEYS: the session, then names that lead to it as long as it lives, then what leads to it from now on. ARGV: the version that the
-- writer has read (0: none), the bytes, the time to live in ms, the id, how many KEYS are names, how many others are kept. Answers
-- the new version, or the version and the bytes that are there. A session that the server has lost is written anew, and
-- its version goes on; so is what stands in its place and is none.
local kept = redis.pcall('HMGET', KEYS[1], 'version', 'bytes', 'leads')
if kept.err then
  redis.call('DEL', KEYS[1])
end
local is_session = kept[1] and string.match(kept[1], '^%d+$') and #kept[1] < 16
if is_session and kept[1] ~= ARGV[1] then
  return {kept[1], kept[2] or ''}
end
local new = string.format('%.0f', tonumber(ARGV[1]) + 1)
-- The ends of the keys that lead here, 32 characters each, the oldest first.
local leads = is_session and kept[3] or ''
for place = 2, #KEYS do
  redis.call('SET', KEYS[place], ARGV[4], 'PX', ARGV[3])
  local lead = string.sub(KEYS[place], -32)
  if place > 1 + tonumber(ARGV[5]) and not string.find(leads, lead, 1, true) then
    leads = leads .. lead
  end
end
while #leads > 32 * tonumber(ARGV[6]) do
  local oldest = string.sub(KEYS[2], 1, -33) .. string.sub(leads, 1, 32)
  if redis.call('GET', oldest) == ARGV[4] then
    redis.call('DEL', oldest)
  end
  leads = string.sub(leads, 33)
end
redis.call('HSET', KEYS[1], 'version', new, 'bytes', ARGV[2], 'leads', leads)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return tonumber(new)

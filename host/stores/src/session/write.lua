-- KEYS: the session, then what leads to it from now on. ARGV: the version that the writer has read ('0': none), the bytes, the
-- time to live in ms, the id. Answers 1 and the new version, or 0 with the version and the bytes that are there.
local kept = redis.call('HMGET', KEYS[1], 'version', 'bytes')
local version = kept[1] or '0'
if version ~= ARGV[1] then
  return {0, version, kept[2] or ''}
end
local new = string.format('%.0f', tonumber(version) + 1)
redis.call('HSET', KEYS[1], 'version', new, 'bytes', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
for place = 2, #KEYS do
  redis.call('SET', KEYS[place], ARGV[4], 'PX', ARGV[3])
end
return {1, new}

-- KEYS: the record. ARGV: the own record, its time in ms, how large one may be, a record that is nobody's. Answers nothing where the own
-- record stands there now, else the one that does.
local kept = redis.pcall('GET', KEYS[1])
if type(kept) == 'string' and kept ~= ARGV[1] and kept ~= ARGV[4] and #kept <= tonumber(ARGV[3]) then
  return kept
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false

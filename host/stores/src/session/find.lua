-- KEYS: what may lead to a session, strongest first. ARGV: what names of sessions begin with (same tag as KEYS); the session that
-- the host knows itself; its version. Answers: nothing, or the place in KEYS, from 1, then id, version and bytes; the bytes are
-- left out where the host has them.
local ids = redis.call('MGET', unpack(KEYS))
for place, id in ipairs(ids) do
  if id then
    -- What is no session leads nowhere.
    local kept = redis.pcall('HMGET', ARGV[1] .. id, 'version', 'bytes')
    if kept[1] then
      if id == ARGV[2] and kept[1] == ARGV[3] then
        return {place, id, kept[1]}
      end
      return {place, id, kept[1], kept[2]}
    end
  end
end
return false

-- KEYS: what may lead to a session, strongest first; last an answer, where one is asked for. ARGV: what names of sessions begin with
-- (same tag as KEYS); the session that the host knows itself; its version; '1' where an answer is asked for. Answers: nothing; or the
-- place in KEYS, from 1, where the host has what is there; or the place, then id, version and bytes. Where an answer is asked for: 0
-- if there is none, 1 if it is there, 2 if its client has deleted it, and then that.
local answer
if ARGV[4] == '1' then
  local own = redis.pcall('HMGET', KEYS[#KEYS], 'form', 'gone')
  answer = not own[1] and 0 or own[2] and 2 or 1
  KEYS[#KEYS] = nil
end

local function session()
  if #KEYS == 0 then
    return false
  end
  for place, id in ipairs(redis.call('MGET', unpack(KEYS))) do
    if id then
      -- What is no session leads nowhere.
      local kept = redis.pcall('HMGET', ARGV[1] .. id, 'version', 'bytes')
      if kept[1] then
        if id == ARGV[2] and kept[1] == ARGV[3] then
          return place
        end
        return {place, id, kept[1], kept[2]}
      end
    end
  end
  return false
end

if answer then
  return {answer, session()}
end
return session()

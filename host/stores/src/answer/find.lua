-- KEYS: the answer. ARGV: what names of answers begin with (same tag as KEYS); '1' where the host has the answer itself; how many
-- answers a conversation may have; how many bytes. Answers: nothing; or 'gone'; or 'known'; or the answer's own fields and after them
-- input and output of it and of each that it continues, the newest first.
local own = redis.call('HMGET', KEYS[1], 'form', 'gone', 'response', 'instructions', 'upstream', 'input', 'output', 'before')
if not own[1] then
  return false
end
if own[2] then
  return 'gone'
end
if ARGV[2] == '1' then
  return 'known'
end
local all = {own[1], own[3] or '', own[4] or '', own[5] or '', own[6] or '', own[7] or ''}
local before = own[8]
local bytes = #all[5] + #all[6]
for _ = 1, tonumber(ARGV[3]) do
  if not before then
    return all
  end
  local earlier = redis.call('HMGET', ARGV[1] .. before, 'form', 'input', 'output', 'before')
  if earlier[1] ~= own[1] then
    return false
  end
  local input, output = earlier[2] or '', earlier[3] or ''
  bytes = bytes + #input + #output
  if bytes > tonumber(ARGV[4]) then
    return false
  end
  all[#all + 1] = input
  all[#all + 1] = output
  before = earlier[4]
end
return false

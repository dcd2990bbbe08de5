-- A client has used something, as a host says that has perhaps said so before.
-- KEYS: what the client has used; what was heard of that host, of this client. ARGV: which of the host's words this is, a number that grows; the day
-- and the month in which, as numbers; turns, tokens, money; the last moment of it in milliseconds since 1970; 1 where it is written down too.
-- What was before sums began to be counted stands in what is told.
local heard = tonumber(redis.call('GET', KEYS[2]) or nil)
if heard and heard >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 2 * 86400)
local own = redis.call('HMGET', KEYS[1], 'since', 'day', 'month', 'tokens', 'turns')
if not own[1] or (ARGV[8] == '1' and tonumber(ARGV[7]) < tonumber(own[1])) then return 0 end
local now = {pages(tonumber(redis.call('TIME')[1]))}
local function add(name, more)
    if tonumber(more) ~= 0 then redis.call('HINCRBY', KEYS[1], name, more) end
end
for n, page in ipairs({'day', 'month'}) do
    -- A host whose clock is ahead opens no page before its time.
    local told, open = math.min(tonumber(ARGV[n + 1]), now[n]), tonumber(own[n + 1])
    if told > open then
        redis.call('HSET', KEYS[1], page, told, page .. '_turns', ARGV[4], page .. '_tokens', ARGV[5], page .. '_cost', ARGV[6])
    elseif told == open then
        add(page .. '_turns', ARGV[4])
        add(page .. '_tokens', ARGV[5])
        add(page .. '_cost', ARGV[6])
    end
end
if own[4] then add('tokens', string.format('%.0f', -60000 * tonumber(ARGV[5]))) end
if own[5] then add('turns', string.format('%.0f', -60000 * tonumber(ARGV[4]))) end
return 1

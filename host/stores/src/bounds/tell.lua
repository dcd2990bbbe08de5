-- What a client had used before its counting began. The first to tell it is heard.
-- KEYS: what it has used. ARGV: the moment at which counting began; the day and the month of that moment, as numbers; turns, tokens and money
-- of the day, and of the month.
local own = redis.call('HMGET', KEYS[1], 'since', 'told', 'day', 'month')
if own[1] ~= ARGV[1] or own[2] then return 0 end
for n, page in ipairs({'day', 'month'}) do
    if own[n + 2] == ARGV[n + 1] then
        for at, name in ipairs({'_turns', '_tokens', '_cost'}) do
            redis.call('HINCRBY', KEYS[1], page .. name, ARGV[3 * n + at])
        end
    end
end
redis.call('HSET', KEYS[1], 'told', 1)
return 1

-- Lets a turn of one client in, or says which of its bounds keeps it out.
-- KEYS: what the client has used; the turn, which may have been asked about before by a host that heard no answer. ARGV: its bounds, -1 where there is none: turns, tokens and money a day, each before that of a month; tokens and
-- turns a minute; then how sums begin: `told` from what is written down elsewhere, `zero`, or `later`, where none of these bounds is a day's or a month's.
-- Returns: 0 in, 1 to 8 the bound that keeps it out, 9 what was used before must be told; what was used of that bound, or the milliseconds until
-- it lets in, or the moment before which; the moment in milliseconds since 1970; turns, tokens and money of the day, and of the month.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local day, month = pages(tonumber(time[1]))

local names = {'day', 'day_turns', 'day_tokens', 'day_cost', 'month', 'month_turns', 'month_tokens', 'month_cost', 'since', 'told', 'at', 'tokens', 'turns'}
local kept = redis.call('HMGET', KEYS[1], unpack(names))
local own = {}
for n, name in ipairs(names) do own[name] = tonumber(kept[n] or nil) end
local bound = {}
for n = 1, 8 do bound[n] = tonumber(ARGV[n]) end

-- A clock that was set back opens no old page again.
if not own.day or day > own.day then own.day, own.day_turns, own.day_tokens, own.day_cost = day, 0, 0, 0 end
if not own.month or month > own.month then own.month, own.month_turns, own.month_tokens, own.month_cost = month, 0, 0, 0 end

own.since = own.since or now
if ARGV[9] == 'zero' then own.told = 1 end
local found, detail = 0, 0
local is_in = redis.call('EXISTS', KEYS[2]) == 1
if not own.told and ARGV[9] ~= 'later' then
    found, detail = 9, own.since
elseif not is_in then
    local used = {own.day_turns, own.month_turns, own.day_tokens, own.month_tokens, own.day_cost, own.month_cost}
    for n = 1, 6 do
        if found == 0 and bound[n] >= 0 and used[n] >= bound[n] then found, detail = n, used[n] end
    end
    -- Levels are units times the milliseconds of a minute, so that whole numbers do.
    local passed = math.max(0, now - (own.at or now))
    own.at = math.max(now, own.at or now)
    for n, name in ipairs({'tokens', 'turns'}) do
        local rate = bound[n + 6]
        if rate >= 0 then
            local size = rate * 60000
            own[name] = math.min(size, (own[name] or size) + rate * passed)
            local missing = 60000 - own[name]
            if found == 0 and missing > 0 then found, detail = n + 6, math.ceil(missing / math.max(rate, 1)) end
        end
    end
    if found == 0 then
        if bound[8] >= 0 then own.turns = own.turns - 60000 end
        own.day_turns, own.month_turns = own.day_turns + 1, own.month_turns + 1
        redis.call('SET', KEYS[2], 1, 'EX', 5)
    end
end

local set = {}
for _, name in ipairs(names) do
    if own[name] then
        set[#set + 1] = name
        set[#set + 1] = string.format('%.0f', own[name])
    end
end
redis.call('HSET', KEYS[1], unpack(set))
-- Past the end of any month.
redis.call('EXPIRE', KEYS[1], 40 * 86400)
return {found, detail, now, own.day_turns, own.day_tokens, own.day_cost, own.month_turns, own.month_tokens, own.month_cost}

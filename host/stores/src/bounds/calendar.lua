-- The day and the month of a second since 1970, as numbers that grow by one; after Howard Hinnant, "chrono-Compatible Low-Level Date
-- Algorithms", civil_from_days.
local function pages(second)
    local day = math.floor(second / 86400)
    local of_era = (day + 719468) % 146097
    local year_of_era = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
    local shifted = math.floor((5 * of_year + 2) / 153)
    local year = year_of_era + math.floor((day + 719468) / 146097) * 400
    if shifted >= 10 then year = year + 1 end
    return day, year * 12 + (shifted < 10 and shifted + 3 or shifted - 9)
end

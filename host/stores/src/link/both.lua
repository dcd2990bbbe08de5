-- Before this stand two scripts as functions. ARGV: how many of KEYS are the first one's; how many of the values that follow are; then all
-- values. Answers what both answer.
local n_keys, n_values = tonumber(ARGV[1]), tonumber(ARGV[2])
return {
  first({unpack(KEYS, 1, n_keys)}, {unpack(ARGV, 3, 2 + n_values)}) or false,
  second({unpack(KEYS, n_keys + 1)}, {unpack(ARGV, 3 + n_values)}) or false,
}

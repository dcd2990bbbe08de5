-- KEYS: the answer. What continues it needs what it says still: only nobody finds it any more.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'gone', '1')
redis.call('HDEL', KEYS[1], 'response')
return 1

//! A script that is about to be carried out: its keys and values are written into one buffer, for it is asked at every turn.
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisResult, Script, ToRedisArgs, Value};
use std::time::Duration;

/// Bytes of a key or a value, about.
const PART_BYTES: usize = 64;

/// A script with what it is asked.
pub(crate) struct Call<'a> {
    script: &'a Script,
    command: Cmd,
}

impl<'a> Call<'a> {
    /// Of so many keys, which are added first, and so many values.
    pub(crate) fn new(script: &'a Script, n_keys: usize, n_values: usize) -> Self {
        Self::with_room(script, n_keys, n_values, 0)
    }

    /// As [`Self::new`], for values that take about so many bytes more than usual.
    pub(crate) fn with_room(script: &'a Script, n_keys: usize, n_values: usize, bytes: usize) -> Self {
        let n_parts = 3 + n_keys + n_values;
        let mut command = Cmd::with_capacity(n_parts, n_parts * PART_BYTES + bytes);
        command.arg("EVALSHA").arg(script.get_hash()).arg(n_keys);
        Self { script, command }
    }

    /// Adds a key or a value.
    pub(crate) fn add(&mut self, part: impl ToRedisArgs) -> &mut Self {
        self.command.arg(part);
        self
    }

    /// Asks. A server that does not know the script is sent it once.
    pub(super) async fn carried_out(&self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        match asked(&self.command, connection).await {
            Err(error) if error.kind() == ErrorKind::NoScriptError => {
                self.script.prepare_invoke().load_async(connection).await?;
                asked(&self.command, connection).await
            }
            answered => answered,
        }
    }
}

/// A time to live as the server takes it: at least 1 ms.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// A script that does what two do: see `both.lua` for its keys and values.
pub(crate) fn both(first: &str, second: &str) -> Script {
    let function = |name: &str, script: &str| format!("local function {name}(KEYS, ARGV)\n{script}\nend\n");
    let (first, second) = (function("first", first), function("second", second));
    Script::new(&(first + &second + include_str!("both.lua")))
}

/// What the server answers to a command; its errors are errors.
pub(super) async fn asked(command: &Cmd, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
    connection.send_packed_command(command).await?.extract_error()
}

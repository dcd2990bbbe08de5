//! An agent for stories: speaks the Agent Client Protocol (ACP) over its standard streams as real agents were seen to, does what the
//! prompt's markers say, and behaves badly on demand.
//!
//! `stage-agent [--models A,B] [--config-options] [--needs-login] [--no-auth] [--slow-start MS] [--pidfile DIR] [--rogue HOW]… [--acp | acp]`.
//! `HOW` is listed in `rogue.rs`, markers in `story.rs`, what the Cursor CLI answers without `acp` in `cursor.rs`.
mod cursor;
mod flags;
mod rogue;
mod sessions;
mod story;
mod talk;

use flags::Flags;
use std::time::Duration;
use talk::Talk;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = cursor::answer(&args) {
        std::process::exit(code);
    }
    let flags = Flags::read(&args);
    flags.note_pid();
    rogue::begin(&flags);
    std::thread::sleep(Duration::from_millis(flags.slow_start_ms));
    sessions::serve(Talk::new(&flags), &flags);
}

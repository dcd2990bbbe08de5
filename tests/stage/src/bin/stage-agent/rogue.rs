//! Bad manners, by name; several may be given.
//!
//! | name | what |
//! |---|---|
//! | `exit` | ends at once, with a last word |
//! | `hang` | reads, never answers, and stays when its input is closed |
//! | `stdin-blind` | never reads, and stays when its input is closed |
//! | `stay` | answers, and stays when its input is closed |
//! | `flood-stderr` `flood-stdout` | 8 MB of log before each answer; notifications without end |
//! | `long-line` `garbage` | instead of an answer to the prompt: 50 MB without an end; a thousand lines that are no messages |
//! | `string-ids` `null-ids` `twice` | ids of its own requests; answers each request twice |
//! | `close-stdout` | closes its output at the first chunk, and stays |
//! | `die-mid-turn` | ends with code 3 after the first chunk |
//! | `grandchild` | has children in a process group of their own |
//! | `orphan` | has one whose parent is gone, in a session of its own |
//! | `comet` | has one that is gone after a moment and leaves another such behind |
//! | `ignore-term` | it and those do not end on SIGTERM |
//! | `forks-after-term` | on SIGTERM it does not end but starts another |
//! | `exec-later` | is a shell script at first, which becomes the agent after 300 ms |
use crate::flags::Flags;
use crate::talk::{say, write};
use serde_json::json;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a process is that an agent starts: said in the environment, since arguments are the agent's.
const PART: &str = "STAGE_AGENT_PART";

/// What is done before the first message. Does not return where there is to be none.
pub(crate) fn begin(flags: &Flags) {
    if flags.is("ignore-term") || flags.is("forks-after-term") {
        on_term(flags);
    }
    match std::env::var(PART).as_deref() {
        Ok("child") => {
            start(flags, "sleeper");
            sleep();
        }
        Ok("vanishing") => {
            let _ = rustix::process::setsid();
            start(flags, "sleeper");
            std::process::exit(0);
        }
        Ok("comet") => {
            start(flags, "comet");
            std::process::exit(0);
        }
        Ok("later") | Err(_) => {}
        Ok(_) => sleep(),
    }
    if flags.is("exec-later") && std::env::var_os(PART).is_none() {
        let script = "sleep 0.3; exec \"$0\" \"$@\"";
        let error = Command::new("/bin/sh")
            .args(["-c", script])
            .arg(own())
            .args(&flags.args)
            .env(PART, "later")
            .exec();
        panic!("no shell: {error}");
    }
    if flags.is("grandchild") {
        start(flags, "child");
    }
    if flags.is("orphan") {
        let _ = start(flags, "vanishing").join();
    }
    if flags.is("comet") {
        start(flags, "comet");
    }
    if flags.is("exit") {
        eprintln!("stage-agent: there is no work for me here");
        std::process::exit(7);
    }
    if flags.is("hang") || flags.is("stdin-blind") {
        if flags.is("hang") {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        }
        sleep();
    }
}

/// What is done when a request has come.
pub(crate) fn before_answer(flags: &Flags, method: &str) {
    if flags.is("flood-stderr") {
        let line = format!("{}\n", "log ".repeat(255));
        (0..8 << 10).for_each(|_| eprint!("{line}"));
    }
    while flags.is("flood-stdout") {
        say(&json!({"jsonrpc": "2.0", "method": "stage/noise", "params": {"text": "noise ".repeat(100)}}));
    }
    if method != "session/prompt" {
        return;
    }
    if flags.is("long-line") {
        write(b"{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"x\":\"");
        (0..50).for_each(|_| write(&[b'x'].repeat(1 << 20)));
        sleep();
    }
    if flags.is("garbage") {
        (0..1000).for_each(|_| write(b"\x1b[31mno message \xff\xfe {\"jsonrpc\": [}\n"));
        sleep();
    }
}

/// What is done when a chunk of the answer has been sent.
pub(crate) fn mid_turn(flags: &Flags) {
    if flags.is("close-stdout") {
        let nothing = std::fs::File::options().write(true).open("/dev/null").expect("/dev/null");
        rustix::stdio::dup2_stdout(&nothing).expect("another output");
        sleep();
    }
    if flags.is("die-mid-turn") {
        eprintln!("stage-agent: out of breath");
        std::process::exit(3);
    }
}

/// What is done when nobody speaks any more.
pub(crate) fn at_end_of_input(flags: &Flags) {
    let stays = ["stay", "ignore-term", "forks-after-term"];
    if stays.iter().any(|how| flags.is(how)) {
        sleep();
    }
}

fn own() -> std::path::PathBuf {
    std::env::current_exe().expect("its own path")
}

/// Another process of this program, in a process group of its own.
fn start(flags: &Flags, part: &str) -> JoinHandle<()> {
    let mut command = Command::new(own());
    command.args(&flags.args).env(PART, part).process_group(0).stdin(Stdio::null());
    // The ends of the pipes are the agent's: whoever else held them would keep the client waiting.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("another process");
    std::thread::spawn(move || drop(child.wait()))
}

fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Lives on when asked to end.
fn on_term(flags: &Flags) {
    let flags = flags.clone();
    let (tell, listens) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        runtime.block_on(async move {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut term = tokio::signal::unix::signal(kind).expect("a handler");
            let _ = tell.send(());
            while term.recv().await.is_some() {
                if flags.is("forks-after-term") {
                    start(&flags, "sleeper");
                }
            }
        });
    });
    listens.recv().expect("a handler");
}

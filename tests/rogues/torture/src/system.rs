//! What safe Rust can ask of the system behind the host's back.
use crate::said;
use lip_plugin::{Ctx, Result};
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Writes where the host talks to people.
pub(crate) async fn prints(cx: Ctx) -> Result<()> {
    println!("lip listening on http://127.0.0.1:1");
    eprintln!("ERROR all is lost");
    let flushed = std::io::stdout().write_all(&[0xff; 4096]).is_ok();
    said(&cx, &format!("printed: {flushed}"))
}

/// Uses up the stack.
pub(crate) async fn overflows(cx: Ctx) -> Result<()> {
    fn deeper(depth: u64) -> u64 {
        let room = black_box([depth; 64]);
        if depth == u64::MAX { 0 } else { deeper(depth + 1) + room[0] }
    }
    said(&cx, &deeper(black_box(0)).to_string())
}

/// Starts threads that work without end.
pub(crate) async fn threads(cx: Ctx) -> Result<()> {
    for _ in 0..2 {
        std::thread::spawn(|| crate::stuck::spin());
    }
    said(&cx, "threads spin")
}

/// Starts a thread that outlives its task, and holds on to it.
pub(crate) async fn lingers(cx: Ctx) -> Result<()> {
    let kept = cx.clone();
    std::thread::spawn(move || {
        loop {
            kept.log(lip_plugin::Level::Debug, "still here");
            kept.note("still here");
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    said(&cx, "a thread lingers")
}

/// Opens files until the system has no more, and keeps them.
pub(crate) async fn opens_files(cx: Ctx) -> Result<()> {
    let mut n_open = 0;
    while let Ok(file) = File::open("/dev/null") {
        std::mem::forget(file);
        n_open += 1;
    }
    said(&cx, &format!("opened {n_open}"))
}

/// Moves the process to another folder.
pub(crate) async fn changes_folder(cx: Ctx) -> Result<()> {
    let moved = std::env::set_current_dir("/").is_ok();
    said(&cx, &format!("moved: {moved}"))
}

/// Says how much it can see of the environment, and of the files in its text, one a line.
pub(crate) async fn looks_around(cx: Ctx, files: String) -> Result<()> {
    let n_variables = std::env::vars_os().count();
    let n_files = files.lines().filter(|file| std::fs::read(file).is_ok()).count();
    said(&cx, &format!("saw {n_variables} variables and {n_files} files"))
}

/// Opens a connection of its own to the address in its text.
pub(crate) async fn connects(cx: Ctx, address: String) -> Result<()> {
    let connected = TcpStream::connect(address);
    said(&cx, &format!("connected: {}", connected.is_ok()))
}

/// Starts a program that would outlive it, with its text as a mark.
pub(crate) async fn starts_program(cx: Ctx, mark: String) -> Result<()> {
    let mut program = Command::new("/bin/sh");
    program
        .args(["-c", "sleep 1000; :", &mark])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    said(&cx, &format!("started: {}", program.spawn().is_ok()))
}

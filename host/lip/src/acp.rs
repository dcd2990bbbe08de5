//! `lip acp`: any route of LIP as an agent over standard input and output, for editors and other clients of the Agent Client Protocol.
//!
//! The engine runs in this process, without a server. Standard output carries nothing but messages; the log goes to standard error.
mod desk;
mod line;
mod models;
mod session;

use crate::ending::Signals;
use crate::{out, setup, usage};
use agents::acp::serve::lines::Lines;
use bytes::BytesMut;
use clap::{Arg, ArgMatches, Command};
use desk::Desk;
use engine::Engine;
use line::Line;
use routing::selector::Selector;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are read at once; less than the shortest limit of a line.
const CHUNK_BYTES: usize = 16 << 10;
/// Bytes of one line, whatever the limit of request bodies is.
const LINE_BYTES_MIN: usize = 64 << 10;
/// Time for agents of this machine to end when the client has gone.
const END_TIME: Duration = Duration::from_secs(10);

/// What every session has in common.
#[derive(Debug)]
struct Host {
    engine: Arc<Engine>,
    /// The selector that sessions begin with, if one was chosen.
    model: Option<String>,
    /// Bytes of one request, with the whole conversation.
    body_bytes: usize,
}

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("acp")
        .about("Be an agent for an editor: any route, over standard input and output")
        .after_help("Speaks the Agent Client Protocol, version 1. Ends when its standard input is closed.")
        .arg(
            Arg::new("model").long("model").value_name("SELECTOR").help(
                "Who answers until the client chooses, such as openai:gpt-5|anthropic:claude-sonnet-4-5",
            ),
        )
}

/// Serves one client until it closes our standard input, or until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration that cannot be used.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let model = matches.get_one::<String>("model").cloned();
    if let Some(Err(error)) = model.as_deref().map(Selector::parse) {
        return Err(format!("--model: {error}\n{}", error.caret()));
    }
    let found = setup::setup(matches)?;
    found.settings.warnings().iter().for_each(out::warning);
    let body_bytes = usize::try_from(found.settings.request_body_bytes()).unwrap_or(usize::MAX);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let prices = usage::prices(&found.settings)?;
    let ledger = usage::start(&found.settings, &found.env, &prices, runtime.handle())?;
    let engine = Arc::new(found.engine_for(usage::witnesses(ledger.as_ref()), None, None)?);
    let host = Arc::new(Host { engine, model, body_bytes });
    let every = found.settings.health_probe_every();
    let result = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let (line, writer) = Line::to(tokio::io::stdout());
        let gone = line.closed();
        let mut desk = Desk::new(Arc::clone(&host), line);
        tokio::select! {
            () = hear(&mut desk, tokio::io::stdin()) => {}
            () = gone => {}
            () = signals.next() => {}
            () = host.engine.check_up(every), if !every.is_zero() => {}
        }
        desk.close().await;
        // All that had something to say has said it, but a client that does not read keeps nobody.
        let _ = tokio::time::timeout(END_TIME, writer).await;
        let _ = tokio::time::timeout(END_TIME, host.engine.shutdown()).await;
        usage::close(ledger.as_ref()).await;
        Ok(())
    });
    // A read of standard input cannot be taken back.
    runtime.shutdown_background();
    result
}

/// Every line until the input ends.
async fn hear(desk: &mut Desk, mut input: impl AsyncRead + Unpin) {
    let mut lines = Lines::new(desk.host().body_bytes.max(LINE_BYTES_MIN));
    let mut chunk = BytesMut::new();
    loop {
        while let Some(line) = lines.next_line() {
            match line {
                Ok(line) => desk.hear(&line).await,
                Err(error) => desk.too_long(error.bytes_max).await,
            }
        }
        chunk.reserve(CHUNK_BYTES);
        match input.read_buf(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(_) => lines.push(chunk.split().freeze()),
        }
    }
}

//! The real host as a child process, in an environment that holds nothing but what the story gives it.
use crate::captured::Kept;
use crate::client::{Answer, Call, Connection, OpenAnswer, connect, send};
use crate::deadline::within;
use crate::staged::staged;
use crate::{canary, captured};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

const READY: &str = "lip listening on ";

/// How the host is to be started.
#[derive(Debug)]
pub struct LipBuilder {
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    home: TempDir,
    /// Files with secrets in its home that the story wrote.
    theirs: Vec<PathBuf>,
    pub(crate) kept: Kept,
}

/// What a command has printed.
#[derive(Clone, Debug)]
pub struct Output {
    /// Did it succeed?
    pub success: bool,
    /// Its answer.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

impl Output {
    pub(crate) fn of(done: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { success: done.status.success(), stdout: text(&done.stdout), stderr: text(&done.stderr) }
    }

    /// All that was printed.
    pub fn printed(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl LipBuilder {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments, separated by blanks.
    #[must_use]
    pub fn args(self, args: &str) -> Self {
        args.split_whitespace().fold(self, Self::arg)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts with this TOML as the config file.
    #[must_use]
    pub fn config_toml(self, text: &str) -> Self {
        self.config("lip.toml", text)
    }

    /// Starts with this YAML as the config file.
    #[must_use]
    pub fn config_yaml(self, text: &str) -> Self {
        self.config("lip.yaml", text)
    }

    fn config(self, name: &str, text: &str) -> Self {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("a config file");
        let mut this = self;
        this.theirs.push(path.clone());
        this.arg("--config").arg(path)
    }

    /// Looks for connector libraries in `dir` instead of beside the program.
    #[must_use]
    pub fn plugins_dir(self, dir: &Path) -> Self {
        self.arg("--plugins-dir").arg(dir)
    }

    /// An `openai` backend in front of `url`, as the default, with the key `sk-upstream-key`.
    #[must_use]
    pub fn openai(self, url: &str) -> Self {
        self.env("OPENAI_API_KEY", "sk-upstream-key")
            .env("OPENAI_API_BASE_URL", url)
            .args("--default-backend openai")
    }

    /// A file in its home that another program would have written, such as its login; secrets may stand in it.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        self.theirs.push(path);
        self
    }

    /// The folder that its home and state directories name.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn command(&self) -> Command {
        let home = self.home.path();
        let mut command = Command::new(program());
        command.args(&self.args).env_clear().current_dir(home);
        for name in
            ["HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]
        {
            command.env(name, home);
        }
        // All stories can be told again with every library in a worker.
        if let Ok(isolation) = std::env::var("LIP_STAGE_ISOLATION") {
            command.env("LIP_PLUGIN_ISOLATION", isolation);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a subcommand to its end.
    pub async fn run(self) -> Output {
        let done = within("lip to end", self.command().output()).await.expect("lip runs");
        let output = Output::of(&done);
        canary::assert_hidden(&output.printed(), self.home.path(), &self.theirs);
        output
    }

    /// Serves on a port of the system's choice, and waits until it does.
    ///
    /// # Panics
    /// If the host ends instead of serving.
    pub async fn start(self) -> Lip {
        let builder = self;
        let mut command = builder.command();
        command.args(["--port", "0"]);
        captured::keep(&mut command, builder.kept);
        let mut child = command.spawn().expect("lip starts");
        let mut stdout = capture(child.stdout.take().expect("stdout"));
        let stderr = capture(child.stderr.take().expect("stderr"));
        // The summary is printed at once: its last line ends it.
        let is_ready =
            |text: &Captured| text.ended || (text.text.contains("  try ") && text.text.ends_with('\n'));
        let ready = within("lip to listen", stdout.wait_for(is_ready)).await;
        let first_line = ready.expect("stdout").text.lines().next().map(str::to_owned);
        let address = first_line
            .as_deref()
            .and_then(|line| line.strip_prefix(READY)?.split_once("://")?.1.parse().ok());
        let Some(address) = address else {
            let mut stderr = stderr;
            let said = stderr.wait_for(|text| text.ended).await.map(|text| text.text.clone());
            panic!("lip does not listen: {first_line:?}\n{}", said.unwrap_or_default());
        };
        Lip { address, child, stdout, stderr, builder }
    }
}

/// The program of the host.
fn program() -> PathBuf {
    staged().join(format!("lip{}", std::env::consts::EXE_SUFFIX))
}

#[derive(Debug, Default)]
struct Captured {
    text: String,
    ended: bool,
}

/// Collects what a child prints, so that it never waits for a reader.
fn capture(mut from: impl AsyncRead + Unpin + Send + 'static) -> watch::Receiver<Captured> {
    let (tell, hear) = watch::channel(Captured::default());
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        while matches!(from.read_buf(&mut bytes).await, Ok(1..)) {
            tell.send_modify(|captured| captured.text = String::from_utf8_lossy(&bytes).into_owned());
        }
        tell.send_modify(|captured| captured.ended = true);
    });
    hear
}

/// A host that serves. Killed when dropped.
#[derive(Debug)]
pub struct Lip {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    stdout: watch::Receiver<Captured>,
    stderr: watch::Receiver<Captured>,
    builder: LipBuilder,
}

impl Drop for Lip {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            captured::end_and_replay(&mut self.child, &self.builder, self.builder.kept);
            canary::assert_hidden(&self.printed(), self.builder.home.path(), &self.builder.theirs);
        }
    }
}

impl Lip {
    /// A host that is not started yet.
    pub fn builder() -> LipBuilder {
        LipBuilder {
            args: Vec::new(),
            env: Vec::new(),
            home: tempfile::tempdir().expect("a home"),
            theirs: Vec::new(),
            kept: Kept::default(),
        }
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The folder that its home and state directories name.
    pub fn home(&self) -> &Path {
        self.builder.home()
    }

    /// One call on a connection of its own.
    pub async fn send(&self, call: Call) -> Answer {
        send(self.address, call).await
    }

    /// A chat completion with this body.
    pub async fn chat(&self, body: impl AsRef<[u8]>) -> Answer {
        self.send(Call::chat(body)).await
    }

    /// A connection that lives until it is dropped.
    pub async fn connect(&self) -> Connection {
        connect(self.address).await
    }

    /// A chat completion of which the head has come.
    pub async fn open_chat(&self, body: impl AsRef<[u8]>) -> OpenAnswer {
        self.connect().await.open(&Call::chat(body)).await
    }

    /// What it has printed for people so far: the start-up summary.
    pub fn stdout(&self) -> String {
        self.stdout.borrow().text.clone()
    }

    /// What it has logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.borrow().text.clone()
    }

    /// Everything it has printed so far.
    pub fn printed(&self) -> String {
        self.stdout() + &self.stderr()
    }

    /// Waits until `words` stand in its log.
    pub async fn logged(&self, words: &str) {
        let mut stderr = self.stderr.clone();
        let found = within(words, stderr.wait_for(|log| log.ended || log.text.contains(words))).await;
        assert!(
            found.is_ok_and(|log| log.text.contains(words)),
            "no {words:?} in the log:\n{}",
            self.stderr()
        );
    }

    /// Resident memory in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).expect("/proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1024
    }

    /// How many file descriptors are open, but for those of the ledger, which opens its file when there is something to keep.
    pub fn n_files(&self) -> usize {
        let is_ledger = |file: &std::fs::DirEntry| {
            let file = std::fs::read_link(file.path()).unwrap_or_default();
            file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("usage.db"))
        };
        std::fs::read_dir(self.proc("fd")).expect("/proc").flatten().filter(|file| !is_ledger(file)).count()
    }

    /// Waits until so many processes are its children: nothing but a look at them tells.
    pub async fn n_children_become(&self, n: usize) {
        let children = || {
            let tasks = std::fs::read_dir(self.proc("task")).expect("/proc").flatten();
            let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
            tasks.flat_map(of).map(|pids| pids.split_whitespace().count()).sum::<usize>()
        };
        let become_so = async {
            while children() != n {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        within(&format!("{n} children"), become_so).await;
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running host")
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.pid())
    }

    /// Runs a subcommand in the same home, with the same settings, to its end.
    pub async fn cli(&self, args: &str) -> Output {
        let mut command = self.builder.command();
        command.args(args.split_whitespace());
        let done = within("lip to end", command.output()).await.expect("lip runs");
        let output = Output::of(&done);
        canary::assert_hidden(&output.printed(), self.home(), &self.builder.theirs);
        output
    }

    /// As [`Lip::cli`], for a command that waits for somebody: once `words` stand in its complaints, `act` does that part.
    pub async fn cli_while(&self, args: &str, words: &str, act: impl AsyncFnOnce(String)) -> Output {
        let mut child = self.builder.command().args(args.split_whitespace()).spawn().expect("lip starts");
        let mut stdout = capture(child.stdout.take().expect("stdout"));
        let mut stderr = capture(child.stderr.take().expect("stderr"));
        let is_there =
            |text: &Captured| text.ended || (text.text.contains(words) && text.text.ends_with('\n'));
        let printed = within(words, stderr.wait_for(is_there)).await.expect("stderr").text.clone();
        assert!(printed.contains(words), "no {words:?} in:\n{printed}");
        act(printed).await;
        let status = within("lip to end", child.wait()).await.expect("an exit status");
        for pipe in [&mut stdout, &mut stderr] {
            let _ = within("the end of its output", pipe.wait_for(|text| text.ended)).await;
        }
        let text = |pipe: &watch::Receiver<Captured>| pipe.borrow().text.clone();
        let output = Output { success: status.success(), stdout: text(&stdout), stderr: text(&stderr) };
        canary::assert_hidden(&output.printed(), self.home(), &self.builder.theirs);
        output
    }

    /// Ends it as [`Lip::stop`] does; what comes back starts it again in the same home.
    pub async fn stopped(mut self) -> LipBuilder {
        self.end().await;
        canary::assert_hidden(&self.printed(), self.builder.home.path(), &self.builder.theirs);
        std::mem::replace(&mut self.builder, Self::builder())
    }

    /// Asks it to end (SIGTERM) and waits; open turns may finish. Says how it ended and what it printed.
    pub async fn stop(mut self) -> (ExitStatus, Output) {
        let status = self.end().await;
        (status, Output { success: status.success(), stdout: self.stdout(), stderr: self.stderr() })
    }

    /// Waits until it ends by itself, and says how.
    pub async fn ended(mut self) -> ExitStatus {
        within("lip to end by itself", self.child.wait()).await.expect("an exit status")
    }

    /// Sends it a signal, such as `HUP`.
    pub async fn signal(&self, name: &str) {
        let pid = self.pid();
        let kill = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {pid}")]).status().await;
        assert!(kill.expect("a shell").success());
    }

    async fn end(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        let status = within("lip to end after SIGTERM", self.child.wait()).await.expect("an exit status");
        for pipe in [&mut self.stdout, &mut self.stderr] {
            let _ = within("the end of its output", pipe.wait_for(|text| text.ended)).await;
        }
        status
    }
}

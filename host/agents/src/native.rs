//! Programs of this machine.
use crate::ladder;
use crate::launch::{Command, Exit, Killed, Launch, Running, Sameness, Soon, Started};
use crate::sys::{self, Looks};
use crate::tree::descendants;
use parking_lot::Mutex;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command as Process};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long a program may take to go by itself once its input is closed.
const GOES: Duration = Duration::from_secs(1);
/// How long the warden may take for the whole way down.
const WARDEN: Duration = Duration::from_secs(8);
/// How long the warden may take to start the program.
const STARTS: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Two readings of one start may differ so much, in seconds, where the system has no exact mark.
const START_SLACK: u64 = 1;

/// Starts programs of this machine.
#[derive(Clone, Debug, Default)]
pub struct Native {
    /// The program that is a warden when [`crate::warden::WORD`] is its first argument; none: programs are started without one.
    warden: Option<PathBuf>,
}

impl Native {
    /// Each program gets a warden: this program itself, which must call [`crate::warden::intercept`] before anything else. Where the system
    /// knows no adoption, programs are started without one, and what they have moved to other parents may outlive them.
    pub fn new() -> Self {
        // Leads to this very program also when its file has been replaced by a newer one.
        Self { warden: cfg!(target_os = "linux").then(|| PathBuf::from("/proc/self/exe")) }
    }

    /// As [`Native::new`], with another program as the warden.
    pub fn with_warden(program: PathBuf) -> Self {
        Self { warden: cfg!(target_os = "linux").then_some(program) }
    }

    fn process(&self, command: &Command) -> Process {
        let mut process = match &self.warden {
            None => Process::new(&command.program),
            #[cfg(target_os = "linux")]
            Some(warden) => {
                let mut process = Process::new(warden);
                process.arg0("lip-agent-warden");
                process.arg(crate::warden::WORD).arg(std::process::id().to_string()).arg(&command.program);
                process
            }
            #[cfg(not(target_os = "linux"))]
            Some(_) => Process::new(&command.program),
        };
        process
            .args(&command.args)
            .env_clear()
            .envs(command.env.iter().map(|(name, value): &(OsString, OsString)| (name, value)));
        process.current_dir(&command.cwd).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        sys::own_group(&mut process);
        process
    }

    async fn start(&self, command: &Command) -> io::Result<Started> {
        let mut child = self.process(command).spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("the program has no pipes"));
        };
        let running = Box::new(Program::of(child, self.warden.is_some())?);
        let running = running.with_agent().await;
        Ok(Started { stdin: Box::pin(stdin), stdout: Box::pin(stdout), stderr: Box::pin(stderr), running })
    }
}

impl Launch for Native {
    fn launch(&self, command: &Command) -> Soon<'_, io::Result<Started>> {
        let command = command.clone();
        Box::pin(async move { self.start(&command).await })
    }
}

/// A program that was started.
struct Program {
    /// The child of this process: the warden where there is one, else the program.
    child: u32,
    #[cfg(target_os = "linux")]
    handle: sys::Handle,
    has_warden: bool,
    /// The program itself.
    agent: u32,
    looks: Mutex<Option<Looks>>,
    ended: watch::Receiver<Option<Exit>>,
}

impl Program {
    fn of(mut child: Child, has_warden: bool) -> io::Result<Self> {
        let pid = child.id().ok_or_else(|| io::Error::other("the program has no pid"))?;
        #[cfg(target_os = "linux")]
        let handle = sys::Handle::open(pid)?;
        let (tell, ended) = watch::channel(None);
        tokio::spawn(async move {
            let exit = child.wait().await.map_or(Exit { code: None, signal: None }, sys::exit);
            let exit = if has_warden { told(exit) } else { exit };
            tell.send_replace(Some(exit));
        });
        Ok(Self {
            child: pid,
            #[cfg(target_os = "linux")]
            handle,
            has_warden,
            agent: pid,
            looks: Mutex::new(sys::look(pid)),
            ended,
        })
    }

    /// Waits until the warden has started the program.
    async fn with_agent(mut self: Box<Self>) -> Box<Self> {
        let by = Instant::now() + STARTS;
        while self.has_warden
            && self.agent == self.child
            && self.ended.borrow().is_none()
            && Instant::now() < by
        {
            if let Some(agent) = sys::processes().iter().find(|process| process.parent == self.child) {
                self.agent = agent.pid;
                self.looks = Mutex::new(sys::look(agent.pid));
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        self
    }

    async fn has_ended_within(&self, time: Duration) -> bool {
        timeout(time, self.wait()).await.is_ok()
    }

    async fn wait(&self) -> Exit {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await.map(|exit| *exit) {
            Ok(Some(exit)) => exit,
            Ok(None) | Err(_) => Exit { code: None, signal: None },
        }
    }

    async fn end(&self) -> Killed {
        if self.has_ended_within(GOES).await {
            return Killed::default();
        }
        #[cfg(target_os = "linux")]
        if self.has_warden {
            self.handle.signal(sys::Force::Gently);
            if self.has_ended_within(WARDEN).await {
                return Killed::default();
            }
        }
        // Without a warden, or with one that hangs: the same way down from here.
        let survivors = ladder::descend(self.child, || {}).await;
        self.end_child();
        let is_gone = self.has_ended_within(GOES).await;
        Killed { survivors: survivors + usize::from(!is_gone) }
    }

    /// The child is ours and nobody has waited for it: its pid is nobody else's.
    fn end_child(&self) {
        #[cfg(target_os = "linux")]
        self.handle.signal(sys::Force::Now);
        #[cfg(not(target_os = "linux"))]
        if self.ended.borrow().is_none()
            && let Some(child) = sys::processes().iter().find(|process| process.pid == self.child)
        {
            sys::signal(child, sys::Force::Now);
        }
    }
}

impl Running for Program {
    fn pid(&self) -> u32 {
        self.agent
    }

    fn ended(&self) -> Soon<'_, Exit> {
        Box::pin(self.wait())
    }

    fn remember(&self) {
        *self.looks.lock() = sys::look(self.agent);
    }

    fn sameness(&self) -> Sameness {
        compare(self.looks.lock().as_ref(), sys::look(self.agent).as_ref())
    }

    fn memory_bytes(&self) -> Option<u64> {
        let table = sys::processes();
        let own = table.iter().filter(|process| process.pid == self.child).copied();
        let all: u64 = own.chain(descendants(&table, self.child)).map(|process| process.memory_bytes).sum();
        Some(all).filter(|bytes| *bytes > 0)
    }

    fn kill(&self) -> Soon<'_, Killed> {
        Box::pin(self.end())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A warden ends the rest by itself.
        #[cfg(target_os = "linux")]
        self.handle.signal(if self.has_warden { sys::Force::Gently } else { sys::Force::Now });
        #[cfg(not(target_os = "linux"))]
        self.end_child();
    }
}

/// How an agent ended, as its warden tells: as shells do, a signal is a code above 128.
fn told(exit: Exit) -> Exit {
    match exit.code {
        Some(code @ 129..=192) => Exit { code: None, signal: Some(code - 128) },
        _ => exit,
    }
}

/// Is what bears the pid now what was seen before?
fn compare(before: Option<&Looks>, now: Option<&Looks>) -> Sameness {
    let (before, now) = match (before, now) {
        (_, None) => return Sameness::Gone,
        (None, Some(_)) => return Sameness::Unknown,
        (Some(before), Some(now)) => (before, now),
    };
    let began = match (before.mark, now.mark) {
        (Some(before), Some(now)) => before == now,
        _ => before.began.abs_diff(now.began) <= START_SLACK,
    };
    let executable = match (&before.executable, &now.executable) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    if began && executable { Sameness::Same } else { Sameness::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(began: u64, mark: Option<u64>, executable: Option<&str>) -> Looks {
        Looks { began, mark, executable: executable.map(PathBuf::from) }
    }

    #[test]
    fn who_bears_a_pid_is_told_by_start_and_executable() {
        let before = looks(100, Some(7), Some("/bin/a"));
        for (now, want) in [
            (Some(looks(100, Some(7), Some("/bin/a"))), Sameness::Same),
            // Boot time may be read a second off; ticks are exact.
            (Some(looks(102, Some(7), Some("/bin/a"))), Sameness::Same),
            (Some(looks(100, Some(8), Some("/bin/a"))), Sameness::Other),
            (Some(looks(100, Some(7), Some("/bin/b"))), Sameness::Other),
            // Not allowed to look: the start alone counts.
            (Some(looks(100, Some(7), None)), Sameness::Same),
            (Some(looks(101, None, None)), Sameness::Same),
            (Some(looks(102, None, None)), Sameness::Other),
            (None, Sameness::Gone),
        ] {
            assert_eq!(compare(Some(&before), now.as_ref()), want, "{now:?}");
        }
        assert_eq!(compare(None, Some(&before)), Sameness::Unknown);
    }
}

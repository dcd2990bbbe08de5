//! Programs of this machine.
use crate::ladder;
use crate::launch::{Command, Exit, Killed, Launch, Running, Sameness, Soon, Started};
use crate::sys::{self, Looks};
use crate::tree::Family;
use parking_lot::Mutex;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command as Process};
use tokio::sync::watch;
use tokio::time::timeout;
#[cfg(target_os = "linux")]
use tokio::time::{Instant, sleep};

/// How long a program may take to go by itself once its input is closed.
const GOES: Duration = Duration::from_secs(1);
/// How long the warden may take for the whole way down: two seconds of patience, and as much for those who have none.
#[cfg(target_os = "linux")]
const WARDEN: Duration = Duration::from_secs(4);
/// How long the warden may take to start the program.
#[cfg(target_os = "linux")]
const STARTS: Duration = Duration::from_secs(10);
#[cfg(target_os = "linux")]
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
        let pid = child.id().unwrap_or_default();
        // Whoever cannot be held must not run. It has a group of its own.
        let running = Program::of(child, self.warden.is_some())
            .inspect_err(|_| sys::signal_group(pid, sys::Force::Gently))?;
        let running = Box::new(running);
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
    /// Whom to look for if there is no warden, or none any more.
    family: Mutex<Family>,
    ended: watch::Receiver<Option<Ended>>,
}

/// How the child ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    exit: Exit,
    /// It was the warden, and was ended itself: what it had in its care may live.
    is_warden_lost: bool,
}

impl Program {
    fn of(mut child: Child, has_warden: bool) -> io::Result<Self> {
        let pid = child.id().ok_or_else(|| io::Error::other("the program has no pid"))?;
        #[cfg(target_os = "linux")]
        let handle = sys::Handle::open(pid)?;
        let (tell, ended) = watch::channel(None);
        tokio::spawn(async move {
            let exit = child.wait().await.map_or(Exit { code: None, signal: None }, sys::exit);
            let is_warden_lost = has_warden && exit.signal.is_some();
            let exit = if has_warden { told(exit) } else { exit };
            tell.send_replace(Some(Ended { exit, is_warden_lost }));
        });
        let own = sys::id(pid);
        let mut family = Family::below(own.filter(|_| has_warden));
        own.filter(|_| !has_warden).into_iter().for_each(|own| family.add(own));
        Ok(Self {
            child: pid,
            #[cfg(target_os = "linux")]
            handle,
            has_warden,
            agent: pid,
            looks: Mutex::new(if has_warden { None } else { sys::look(pid) }),
            family: Mutex::new(family),
            ended,
        })
    }

    /// Waits until the warden has started the program.
    #[cfg(target_os = "linux")]
    async fn with_agent(mut self: Box<Self>) -> Box<Self> {
        let by = Instant::now() + STARTS;
        while self.has_warden && self.ended.borrow().is_none() && Instant::now() < by {
            // Its first child: all others are left to it later.
            if let Some(agent) = sys::children(self.child).first() {
                self.agent = *agent;
                self.looks = Mutex::new(sys::look(*agent));
                sys::id(*agent).into_iter().for_each(|id| self.family.lock().add(id));
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        self
    }

    #[cfg(not(target_os = "linux"))]
    async fn with_agent(self: Box<Self>) -> Box<Self> {
        self
    }

    /// Has it ended within `time`, and everything else with it?
    async fn has_gone_within(&self, time: Duration) -> bool {
        timeout(time, self.wait()).await.is_ok_and(|ended| self.has_warden && !ended.is_warden_lost)
    }

    async fn wait(&self) -> Ended {
        let mut ended = self.ended.clone();
        let nothing = Ended { exit: Exit { code: None, signal: None }, is_warden_lost: self.has_warden };
        ended.wait_for(Option::is_some).await.ok().and_then(|ended| *ended).unwrap_or(nothing)
    }

    async fn end(&self) -> Killed {
        if !self.has_warden {
            // Before anybody has lost a parent.
            let _ = self.family.lock().living(&sys::processes());
        }
        if self.has_gone_within(GOES).await {
            return Killed::default();
        }
        #[cfg(target_os = "linux")]
        if self.has_warden && self.ended.borrow().is_none() {
            // Should the warden fail.
            let _ = self.family.lock().living(&sys::processes());
            self.handle.signal(sys::Force::Gently);
            if self.has_gone_within(WARDEN).await {
                return Killed::default();
            }
        }
        // Without a warden, or with one that was ended or hangs: the way down from here.
        let mut family = self.family.lock().clone();
        let survivors = ladder::descend(&mut family).await;
        *self.family.lock() = family;
        #[cfg(target_os = "linux")]
        if survivors == 0 {
            self.handle.signal(sys::Force::Now);
            let _ = timeout(GOES, self.wait()).await;
        }
        Killed { survivors }
    }
}

impl Running for Program {
    fn pid(&self) -> u32 {
        self.agent
    }

    fn ended(&self) -> Soon<'_, Exit> {
        Box::pin(async { self.wait().await.exit })
    }

    fn remember(&self) {
        *self.looks.lock() = sys::look(self.agent);
        let _ = self.family.lock().living(&sys::processes());
    }

    fn sameness(&self) -> Sameness {
        compare(self.looks.lock().as_ref(), sys::look(self.agent).as_ref())
    }

    fn memory_bytes(&self) -> Option<u64> {
        let table = sys::processes();
        let warden = table.iter().find(|process| self.has_warden && process.pid == self.child).copied();
        let family = self.family.lock().living(&table);
        let all: u64 = family.into_iter().chain(warden).map(|process| process.memory_bytes).sum();
        Some(all).filter(|bytes| *bytes > 0)
    }

    fn kill(&self) -> Soon<'_, Killed> {
        Box::pin(self.end())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let ended = *self.ended.borrow();
        if self.has_warden && ended.is_none_or(|ended| !ended.is_warden_lost) {
            // It ends the rest by itself.
            #[cfg(target_os = "linux")]
            self.handle.signal(sys::Force::Gently);
            return;
        }
        let left = self.family.lock().living(&sys::processes());
        left.iter().for_each(|one| sys::signal(one, sys::Force::Now));
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

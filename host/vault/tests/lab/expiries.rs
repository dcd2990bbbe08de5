//! The laboratory: expiry after expiry, each with 50 turns and one thing that goes wrong.
//!
//! `LIP_REFRESH_EXPIRIES=10000 cargo test -p vault --test lab expiries -- --nocapture` runs more of them and tells the numbers;
//! `LIP_REFRESH_FLUSH=1` with every file flushed to the disk, which takes ten times as long.
use crate::kit::{Process, World, ask, pass};
use crate::server::Mishap;
use futures_util::future::join_all;
use std::sync::atomic::Ordering;
use vault::{Access, Ask, Health, Refused};

const TURNS: usize = 50;

/// What goes wrong around one expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    EofUnconsumed,
    EofConsumed,
    RotationLost,
    Status5xx,
    TooMany,
    Slow,
    WrongJson,
    NoNetwork,
    ClockAhead,
    ClockBehind,
    ClientRenews,
    DiskFull,
    DiskFullAfterAnswer,
    ReadOnlyFile,
    Killed,
    SecondProcess,
}

const FAULTS: [Fault; 17] = [
    Fault::Nothing,
    Fault::EofUnconsumed,
    Fault::EofConsumed,
    Fault::RotationLost,
    Fault::Status5xx,
    Fault::TooMany,
    Fault::Slow,
    Fault::WrongJson,
    Fault::NoNetwork,
    Fault::ClockAhead,
    Fault::ClockBehind,
    Fault::ClientRenews,
    Fault::DiskFull,
    Fault::DiskFullAfterAnswer,
    Fault::ReadOnlyFile,
    Fault::Killed,
    Fault::SecondProcess,
];

/// Where the account lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    Own,
    ClientFile,
    Shared,
}

/// When the turns come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Ended,
    Early,
}

/// What came of them all.
#[derive(Debug, Default)]
struct Tally {
    n_expiries: u32,
    n_turns: usize,
    n_refreshes: u32,
    n_refused_explained: u32,
    n_logins_lost: u32,
    most_in_flight: u32,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Served {
        n_refused: u32,
    },
    NeedsLogin,
    /// The process died under it.
    Died,
}

struct Lab {
    home: Home,
    world: World,
    process: Process,
    second: Process,
    /// The token in use came from a time in which the clock was wrong.
    was_skewed: bool,
}

impl Lab {
    async fn new(home: Home) -> Self {
        let world = World::new();
        let (process, second) = (Self::start(&world, home), Self::start(&world, home));
        match home {
            Home::Own | Home::Shared => process.put(world.account("u")).await,
            Home::ClientFile => _ = world.client_login("u"),
        }
        Self { home, world, process, second, was_skewed: false }
    }

    fn start(world: &World, home: Home) -> Process {
        let process = match home {
            Home::Own => world.process(),
            Home::ClientFile => world.with_source(Access::Write),
            Home::Shared => world.host(),
        };
        // What a flush is good for no test in one process can see.
        process.disk.is_hasty.store(std::env::var_os("LIP_REFRESH_FLUSH").is_none(), Ordering::SeqCst);
        process
    }

    fn name(&self) -> &'static str {
        match self.home {
            Home::Own | Home::Shared => "u",
            Home::ClientFile => "login",
        }
    }

    /// One turn, as an engine does it: another try where it is told when, and one more where the provider refuses the token.
    async fn turn(&self, process: &Process, delay_ms: u64) -> End {
        pass(delay_ms).await;
        let mut refused = None;
        for n_refused in 0..3 {
            let lease = loop {
                match process.pool.lease(Ask { refused: refused.as_ref(), ..ask() }).await {
                    Ok(lease) => break lease,
                    Err(_) if process.disk.is_dead.load(Ordering::SeqCst) => return End::Died,
                    Err(Refused::RefreshFailed { retry_after_ms: Some(ms), .. }) => pass(ms.max(500)).await,
                    Err(Refused::NeedsLogin { .. }) => return End::NeedsLogin,
                    Err(other) => panic!("{other}"),
                }
            };
            if self.world.server.accepts(lease.token.expose()) {
                return End::Served { n_refused };
            }
            refused = Some(lease.print);
        }
        panic!("refused three times");
    }

    /// The tokens on the disk whose refresh tokens are alive.
    fn n_alive(&self) -> usize {
        let folder = self.world.folder();
        let shadows = folder.join("files");
        let mut tokens: Vec<String> = Vec::new();
        for folder in [folder, shadows] {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|e| e == "json") {
                    let record: serde_json::Value =
                        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
                    tokens.extend(record["refresh_token"].as_str().map(str::to_owned));
                }
            }
        }
        if self.home == Home::Shared {
            tokens.push(self.stored_refresh());
        }
        if self.home == Home::ClientFile {
            tokens.extend(self.world.read_client()["r"].as_str().map(str::to_owned));
        }
        tokens.iter().filter(|token| self.world.server.is_alive(token)).count()
    }

    fn stored_refresh(&self) -> String {
        let value = match self.home {
            Home::Own => self.world.read("u")["refresh_token"].clone(),
            Home::ClientFile => self.world.read_client()["r"].clone(),
            Home::Shared => self.world.commons.read("u")["refresh_token"].clone(),
        };
        value.as_str().unwrap().to_owned()
    }

    fn inject(&self, fault: Fault, round: u32) {
        let (server, disk) = (&self.world.server, &self.process.disk);
        let skew = |by_ms| self.process.skew.by_ms.store(by_ms, Ordering::SeqCst);
        match fault {
            Fault::Nothing | Fault::SecondProcess => {}
            Fault::EofUnconsumed => server.next(Mishap::EofUnconsumed),
            Fault::EofConsumed => server.next(Mishap::EofConsumed),
            Fault::RotationLost => server.next(Mishap::Hangs),
            Fault::Status5xx => (0..1 + round % 5).for_each(|_| server.next(Mishap::Status5xx)),
            Fault::TooMany => server.next(Mishap::TooMany(1 + u64::from(round % 20))),
            Fault::Slow => server.next(Mishap::Slow(20)),
            Fault::WrongJson => server.next(Mishap::WrongJson),
            Fault::NoNetwork => (0..1 + round % 5).for_each(|_| server.next(Mishap::Unsent)),
            Fault::ClockAhead => skew(600_000),
            Fault::ClockBehind => skew(-600_000),
            // The client's question comes first, and its answer is written a little later.
            Fault::ClientRenews => {}
            Fault::DiskFull => disk.room.set(0),
            Fault::DiskFullAfterAnswer => disk.room.set(1),
            Fault::ReadOnlyFile => {
                *disk.read_only.lock() = Some(self.world.client_file().parent().unwrap().to_owned());
            }
            // At any step from the note before the question to the last one.
            Fault::Killed => disk.dies_after.set(i32::try_from(round % 4).unwrap()),
        }
    }

    /// What else happens while the turns run.
    async fn beside(&self, fault: Fault, round: u32) {
        match fault {
            Fault::DiskFull | Fault::DiskFullAfterAnswer => {
                pass(20_000).await;
                self.process.disk.room.set(-1);
            }
            Fault::ClientRenews => {
                let refresh = self.stored_refresh();
                let tokens = self.world.server.renew_as_client(&refresh);
                pass(u64::from(round * 37 % 1500)).await;
                self.world.write_client("u", &tokens);
            }
            _ => {}
        }
    }

    async fn round(&mut self, fault: Fault, when: When, round: u32, tally: &mut Tally) {
        let what = format!("{fault:?} {:?} {when:?}, round {round}", self.home);
        let n_before = self.world.server.n_renewed();
        let early_ms = if when == When::Early { 200_000 } else { 0 };
        pass(self.world.server.ends_ms("u").saturating_sub(self.world.server.now_ms() + early_ms)).await;
        let sent = self.stored_refresh();
        self.inject(fault, round);
        let two = fault == Fault::SecondProcess;
        let of = |n: usize| if two && n % 2 == 1 { &self.second } else { &self.process };
        let turns = (0..TURNS).map(|n| self.turn(of(n), 3 * n as u64));
        let (ends, ()) = tokio::join!(join_all(turns), self.beside(fault, round));
        self.process.pool.settle().await;
        self.mend(fault);
        let loses = matches!(fault, Fault::EofConsumed | Fault::RotationLost);
        let skewed = matches!(fault, Fault::ClockAhead | Fault::ClockBehind);
        for end in &ends {
            match end {
                End::Served { n_refused: 0 } => {}
                End::Served { n_refused: 1 } if skewed || self.was_skewed => tally.n_refused_explained += 1,
                End::NeedsLogin if loses => {}
                End::Died if fault == Fault::Killed => {}
                other => panic!("{what}: {other:?}"),
            }
        }
        if loses {
            self.log_in_again(&sent, &what).await;
            tally.n_logins_lost += 1;
        } else {
            self.until_renewed(n_before, &what).await;
            assert!(self.n_alive() > 0, "{what}: a token was lost");
        }
        self.process.skew.by_ms.store(0, Ordering::SeqCst);
        self.was_skewed = skewed;
        assert_eq!(self.world.server.n_renewed() - n_before, 1, "{what}: renewed once");
        let is_answered =
            matches!(fault, Fault::Status5xx | Fault::TooMany | Fault::NoNetwork | Fault::WrongJson);
        assert!(is_answered || self.world.server.n_sent(&sent) <= 2, "{what}: sent too often");
        tally.n_expiries += 1;
        tally.n_turns += TURNS;
        tally.n_refreshes += self.world.server.n_renewed() - n_before;
    }

    /// The world is well again, and a process that died is started anew.
    fn mend(&mut self, fault: Fault) {
        self.world.server.calm();
        if fault == Fault::Killed {
            self.process = Self::start(&self.world, self.home);
        }
        self.process.disk.room.set(-1);
        *self.process.disk.read_only.lock() = None;
    }

    /// The login is over, this is known and told, and a new one mends it.
    async fn log_in_again(&mut self, sent: &str, what: &str) {
        assert_eq!(self.world.server.n_sent(sent), 2, "{what}: one replay");
        let standing = self.process.standing(self.name()).await;
        assert_eq!(standing.health, Health::NeedsLogin, "{what}");
        let remark = standing.remark.unwrap();
        assert!(remark.contains("the answer to its last refresh was lost"), "{what}: {remark}");
        match self.home {
            Home::Own | Home::Shared => self.process.put(self.world.account("u")).await,
            Home::ClientFile => _ = self.world.client_login("u"),
        }
        pass(3_000).await;
        assert_eq!(self.turn(&self.process, 0).await, End::Served { n_refused: 0 }, "{what}");
    }

    /// Turns go on until the token is a new one, and the client's file has it.
    async fn until_renewed(&self, n_before: u32, what: &str) {
        for _ in 0..60 {
            let end = self.turn(&self.process, 0).await;
            assert!(matches!(end, End::Served { .. }), "{what}: {end:?}");
            self.process.pool.settle().await;
            let is_there = self.world.server.is_alive(&self.stored_refresh());
            if is_there && self.world.server.n_renewed() > n_before {
                return;
            }
            pass(10_000).await;
        }
        panic!("{what}: not renewed, or the file does not have it");
    }
}

#[tokio::test(start_paused = true)]
async fn no_fault_around_an_expiry_loses_a_login() {
    let n_expiries =
        std::env::var("LIP_REFRESH_EXPIRIES").ok().and_then(|n| n.parse::<u32>().ok()).unwrap_or(204);
    let began = std::time::Instant::now();
    let mut labs = [Lab::new(Home::Own).await, Lab::new(Home::ClientFile).await];
    let mut tally = Tally::default();
    for n in 0..n_expiries {
        let n_faults = u32::try_from(FAULTS.len()).unwrap();
        let (fault, round) = (FAULTS[(n % n_faults) as usize], n / n_faults);
        let needs_file = matches!(fault, Fault::ClientRenews | Fault::ReadOnlyFile);
        let lab = if needs_file || round % 2 == 1 { &mut labs[1] } else { &mut labs[0] };
        let when = if round / 2 % 2 == 0 { When::Ended } else { When::Early };
        lab.round(fault, when, round / 4, &mut tally).await;
    }
    for lab in &labs {
        tally.most_in_flight = tally.most_in_flight.max(lab.world.server.most_in_flight());
    }
    println!("{tally:?} in {:?}", began.elapsed());
    assert_eq!(tally.most_in_flight, 1, "side by side");
    assert_eq!((tally.n_expiries, tally.n_refreshes), (n_expiries, n_expiries));
}

#[tokio::test(start_paused = true)]
async fn no_fault_around_an_expiry_loses_a_shared_login() {
    let (mut lab, mut tally) = (Lab::new(Home::Shared).await, Tally::default());
    for round in 0..4 {
        for fault in FAULTS {
            if !matches!(fault, Fault::ClientRenews | Fault::ReadOnlyFile) {
                let when = if round % 2 == 0 { When::Ended } else { When::Early };
                lab.round(fault, when, round, &mut tally).await;
            }
        }
    }
    assert_eq!(lab.world.server.most_in_flight(), 1, "side by side");
    assert_eq!((tally.n_expiries, tally.n_refreshes), (60, 60));
}

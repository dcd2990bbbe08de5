//! Every rogue of `tests/rogues/torture`, and what becomes of it in either cage.

/// How a rogue is set to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a turn whose model is its name.
    Turn,
    /// By a streamed turn.
    Stream,
    /// By a turn whose client goes away.
    Left,
    /// By an instance whose config names it: at its first turn.
    Instance,
    /// By an instance, when its models are listed.
    Models,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The turn is answered, with this in its text.
    Answers(&'static str),
    /// The client gets an error with this code.
    Fails(&'static str),
    /// The client gets an error without a code.
    Refused,
    /// An error within the stream that had begun.
    Cut,
    /// Nobody waits for it, and nothing happens.
    Nothing,
    /// The host ends.
    EndsHost,
    /// A thread of the host's is lost to it and its client waits; further turns of the library get an error with this code.
    Holds(&'static str),
    /// The host goes on with less: of what.
    Harms(&'static str),
}

/// One rogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rogue {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    pub(crate) inproc: Fate,
    pub(crate) child: Fate,
}

const fn rogue(name: &'static str, way: Way, inproc: Fate, child: Fate) -> Rogue {
    Rogue { name, way, inproc, child }
}

use Fate::{Answers, Cut, EndsHost, Fails, Harms, Holds, Nothing, Refused};
use Way::{Instance, Left, Models, Stream, Turn};

const PANIC: Fate = Fails("plugin_panic");
const STUCK: Fate = Holds("plugin_stuck");
const DIES: Fate = Fails("plugin_died");

/// What safe Rust can do wrong without ending or starving its process.
pub(crate) const CONTAINED: &[Rogue] = &[
    // Panics.
    rogue("create-panics", Instance, PANIC, PANIC),
    rogue("passages-panics", Instance, PANIC, PANIC),
    rogue("models-panics", Models, Nothing, Nothing),
    rogue("instance-drop-panics", Instance, Answers("calm"), Answers("calm")),
    rogue("start-panics", Turn, PANIC, PANIC),
    rogue("step-panics", Turn, PANIC, PANIC),
    rogue("stream-panics", Stream, Cut, Cut),
    rogue("payload-panics", Turn, PANIC, PANIC),
    rogue("drop-panics", Left, Nothing, Nothing),
    rogue("buffer-panics", Turn, Answers("bomb"), Answers("bomb")),
    rogue("thread-panics", Turn, Answers("the thread panicked"), Answers("the thread panicked")),
    rogue("vec-overflows", Turn, PANIC, PANIC),
    // Records that the author's crate would not write.
    rogue("start-fails-oddly", Turn, Refused, Refused),
    rogue("fails-oddly", Turn, Refused, Refused),
    rogue("floods-events", Turn, Refused, Refused),
    rogue("floods-chunks", Stream, Refused, Refused),
    rogue("floods-ops", Turn, Refused, Refused),
    rogue("floods-cancels", Turn, Answers("still here"), DIES),
    rogue("floods-answers", Turn, Answers("once more"), Answers("once more")),
    rogue("asks-unknown", Turn, Answers("told so"), Answers("told so")),
    rogue("asks-garbage", Turn, Answers("told so"), Answers("told so")),
    rogue("reuses-ids", Turn, Answers("confused"), Answers("confused")),
    rogue("says-unknown", Turn, Answers("unknown"), Answers("unknown")),
    rogue("splices-nothing", Turn, Refused, Refused),
    rogue("answers-garbage", Turn, Refused, Refused),
    rogue("streams-garbage", Stream, Fails("upstream_empty"), Fails("upstream_empty")),
    rogue("names-no-dialect", Turn, Refused, Refused),
    rogue("works-when-done", Turn, Answers("done and not done"), Answers("done and not done")),
    rogue("says-nothing", Turn, Refused, Refused),
    rogue("waits-for-nothing", Left, Nothing, Nothing),
    rogue("spins-awake", Left, Nothing, Nothing),
    // Too much of what is allowed.
    rogue("streams-on", Left, Nothing, Nothing),
    rogue("logs", Turn, Answers("logged"), Answers("logged")),
    rogue("answers-big", Turn, Answers("xxx"), Answers("xxx")),
    // What safe Rust can ask of the system.
    rogue("prints", Turn, Answers("printed: true"), Answers("printed: true")),
    rogue("lingers", Turn, Answers("a thread lingers"), Answers("a thread lingers")),
    rogue("wakes-others", Turn, Answers("all awake"), Answers("all awake")),
    rogue("threads", Turn, Answers("threads spin"), Answers("threads spin")),
];

/// Steps that do not end.
pub(crate) const ENDLESS: &[Rogue] = &[
    rogue("create-loops", Instance, STUCK, DIES),
    rogue("passages-loops", Instance, STUCK, DIES),
    rogue("models-loops", Models, STUCK, Nothing),
    rogue("loops", Turn, STUCK, DIES),
    rogue("deadlocks", Turn, STUCK, DIES),
    rogue("sleeps", Turn, STUCK, DIES),
    rogue("polls-itself", Turn, STUCK, DIES),
    rogue("drop-loops", Left, STUCK, Nothing),
];

/// What ends a process, some of it in safe Rust.
pub(crate) const DEADLY: &[Rogue] = &[
    rogue("create-aborts", Instance, EndsHost, DIES),
    rogue("panics-twice", Turn, EndsHost, DIES),
    rogue("unwinds", Turn, EndsHost, DIES),
    rogue("start-unwinds", Turn, EndsHost, DIES),
    rogue("aborts", Turn, EndsHost, DIES),
    rogue("exits", Turn, EndsHost, DIES),
    rogue("overflows", Turn, EndsHost, DIES),
    rogue("allocation-fails", Turn, EndsHost, DIES),
    rogue("segfaults", Turn, EndsHost, DIES),
    rogue("traps", Turn, EndsHost, DIES),
    rogue("smashes-stack", Turn, EndsHost, DIES),
    rogue("buffer-lies", Turn, EndsHost, DIES),
    rogue("buffer-without-code", Turn, EndsHost, Refused),
    rogue("kills-itself", Turn, EndsHost, DIES),
];

/// What takes something from a process that goes on, or from others through it.
pub(crate) const HARMFUL: &[Rogue] = &[
    // From its process.
    rogue("allocates", Turn, Harms("memory"), DIES),
    rogue("leaks", Turn, Harms("memory"), DIES),
    rogue("opens-files", Turn, Harms("descriptors"), Answers("opened 0")),
    rogue("changes-folder", Turn, Harms("folder"), Answers("moved: false")),
    rogue("frees-wild", Turn, Harms("memory"), DIES),
    rogue("corrupts-heap", Turn, Harms("memory"), DIES),
    rogue("closes-stdio", Turn, Harms("descriptors"), Answers("closed")),
    rogue("closes-all", Turn, Harms("descriptors"), DIES),
    rogue("scribbles", Turn, Harms("descriptors"), DIES),
    rogue("shuts-down", Turn, Harms("descriptors"), Answers("shut down")),
    rogue("changes-signals", Turn, Harms("signals"), Answers("deaf")),
    rogue("changes-mask", Turn, Harms("modes of new files"), Answers("mask is 0")),
    rogue("raises-limits", Turn, Harms("limits"), Answers("raised: false")),
    rogue("filters-itself", Turn, Harms("a thread"), Answers("filtered")),
    rogue("hides-memory", Turn, Harms("memory"), DIES),
    rogue("crowds", Turn, Harms("threads"), DIES),
    rogue("stops-itself", Turn, Harms("everything"), DIES),
    rogue("forges-frames", Turn, Harms("descriptors"), Refused),
    // From others.
    rogue("looks-around", Turn, Harms("secrets"), Answers("saw 0 variables and 0 files")),
    rogue("connects", Turn, Harms("the network"), Answers("connected: false")),
    rogue("limits-others", Turn, Harms("processes"), Answers("limited: false")),
    rogue("signals-by-file", Turn, Harms("processes"), Answers("set: false")),
    rogue("opens-sockets", Turn, Harms("the network"), Answers("opened: [false, false, false, false]")),
    rogue("starts-program", Turn, Harms("processes"), Answers("started: false")),
    rogue("forks", Turn, Harms("processes"), Answers("forked: false")),
    rogue("kills", Turn, Harms("processes"), Answers("killed: false")),
    rogue("traces", Turn, Harms("processes"), Answers("traced: false")),
    // The last one: its worker is ended for its threads, while the next would be at work.
    rogue("floods-frames", Turn, Harms("descriptors"), Answers("flooding")),
];

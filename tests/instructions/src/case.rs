//! A hot path with a name.
use crate::cases;
use crate::counted::counted;

/// What is counted, ready to be run again and again.
pub(crate) type Work = Box<dyn FnMut()>;

/// A hot path.
pub(crate) struct Case {
    /// Its name in `counts.json`.
    pub(crate) name: String,
    /// Makes all that it needs and that does not count.
    prepare: Box<dyn FnOnce() -> Work>,
}

impl Case {
    /// A case whose work is what `prepare` returns.
    pub(crate) fn new<W: FnMut() + 'static>(
        name: impl Into<String>,
        prepare: impl FnOnce() -> W + 'static,
    ) -> Self {
        Self { name: name.into(), prepare: Box::new(|| Box::new(prepare())) }
    }
}

/// Rounds before the one that counts: tables grow, and what is made once is made.
const WARM_UPS: usize = 2;

/// Runs the case of this name as callgrind is to see it.
pub(crate) fn run(name: &str) {
    let case = cases::all().into_iter().find(|case| case.name == name);
    let mut work = (case.unwrap_or_else(|| panic!("there is no case {name:?}")).prepare)();
    for _ in 0..WARM_UPS {
        work();
    }
    counted(&mut work);
}

//! All stories can be told again with every turn captured, and carried out again when its host has ended: `LIP_STAGE_CAPTURE=1`.
use crate::host::{LipBuilder, Output};

/// Where a host keeps its turns then, below its home.
pub(crate) const FOLDER: &str = "all-captures";

/// Are all turns captured?
pub(crate) fn are_all() -> bool {
    std::env::var_os("LIP_STAGE_CAPTURE").is_some()
}

/// Every turn that was captured to its end gives its client the same bytes again.
pub(crate) fn assert_replays(of: &LipBuilder) {
    for file in std::fs::read_dir(of.home().join(FOLDER)).into_iter().flatten().flatten() {
        let mut command = of.command();
        let done = command.as_std_mut().args(["capture", "replay"]).arg(file.path()).output();
        let output = Output::of(&done.expect("lip runs"));
        let differs = output.stdout.lines().find(|line| line.contains(": differs: "));
        assert!(differs.is_none(), "{}", output.printed());
        // For whoever counts them.
        eprintln!("replayed: {}", output.stdout.lines().last().unwrap_or_default());
    }
}

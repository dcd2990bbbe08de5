//! Many versions of one library, under open streams.
use super::changeling::Scene;
use serde_json::Value;
use stage::{End, OpenAnswer};

/// Every stream ends as it began: whole, and on the version that it began on.
async fn end(streams: Vec<(usize, OpenAnswer)>) {
    for (version, stream) in streams {
        let answer = stream.rest().await;
        assert_eq!((answer.status, answer.end), (200, End::Clean));
        assert_eq!(answer.said(), format!("begun {version:05}"));
    }
}

fn words(report: &Value) -> String {
    let lines = report["words"].as_array().expect("words").iter();
    lines.map(|line| line.as_str().expect("a line")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn thirty_swaps_in_process_fail_no_turn() {
    let scene = Scene::new().await;
    let mut streams = Vec::new();
    assert_eq!(scene.serving().await, 1);
    streams.push((1, scene.stream().await));
    let before = scene.lip.memory_bytes();
    for n in 2..=31 {
        scene.put(n);
        let report = scene.reload().await;
        assert_eq!(report["replaced"][0]["generation"], n, "{report}");
        let retired = n - 1;
        assert_eq!(words(&report).contains("older generations"), retired >= 8, "{report}");
        assert_eq!(scene.serving().await, n);
        streams.push((n, scene.stream().await));
    }
    let grown = scene.lip.memory_bytes().saturating_sub(before);
    // Shown by --no-capture: what one generation takes, and one open stream.
    eprintln!("{} bytes more for each generation and its stream", grown / 30);
    assert!(grown / 30 <= 2 << 20, "{grown} bytes more after 30 swaps");
    scene.put(32);
    assert_eq!(scene.reload().await["replaced"][0]["generation"], 32);
    scene.put(33);
    let report = scene.reload().await;
    let sentence = report["refused"][0]["sentence"].as_str().expect("a sentence");
    assert!(sentence.starts_with("in use: generation 32 of ") && sentence.contains("isolation = \"child\""));
    assert!(sentence.contains("restart LIP"), "{sentence}");
    assert_eq!(scene.serving().await, 32);
    let status = scene.status().await;
    assert_eq!(status["plugins"][0]["retired"], 31, "{status}");
    // What is there already can be taken up again at any time.
    scene.put(5);
    assert_eq!(scene.reload().await["replaced"][0]["generation"], 5);
    assert_eq!(scene.serving().await, 5);
    scene.gate.open();
    end(streams).await;
}

/// How often the library in a worker is replaced: the promise is about 500, which takes minutes, `LIP_SWAPS=500`.
const SWAPS: usize = 20;
/// Until everything has been allocated that stays.
const WARM: usize = 10;
const STREAMS: usize = 200;
const GROWTH_BYTES_MAX: u64 = 5 << 20;

#[tokio::test]
async fn swaps_in_workers_fail_no_turn_and_leave_nothing() {
    let n = std::env::var("LIP_SWAPS").map_or(SWAPS, |n| n.parse().expect("a number"));
    let scene = Scene::with(|builder| builder.args("--plugin-isolation child --log-level warn")).await;
    let mut streams = Vec::new();
    let mut before = 0;
    for swap in 0..WARM + n {
        if swap == WARM {
            before = scene.lip.memory_bytes();
        }
        let version = swap + 1;
        if swap > 0 {
            scene.put(version);
            let report = scene.reload().await;
            assert_eq!(report["replaced"][0]["generation"], version, "{report}");
            assert_eq!(report["replaced"][0]["warnings"].as_array().map(Vec::len), Some(0), "{report}");
        }
        // While it warms up, streams are opened on each version.
        for _ in 0..if swap < WARM { STREAMS / WARM } else { 0 } {
            streams.push((version, scene.stream().await));
        }
        for _ in 0..4 {
            assert_eq!(scene.serving().await, version);
        }
    }
    let grown = scene.lip.memory_bytes().saturating_sub(before);
    // Shown by --no-capture.
    eprintln!("{n} swaps under {} open streams: {grown} bytes more", streams.len());
    assert!(grown <= GROWTH_BYTES_MAX, "{grown} bytes more after {n} swaps");
    let status = scene.status().await;
    assert_eq!(
        (&status["plugins"][0]["retired"], &status["plugins"][0]["isolation"]),
        (&0.into(), &"child".into())
    );
    // Those that still have a turn, and the one in use.
    scene.lip.n_children_become(WARM + 1).await;
    scene.gate.open();
    end(streams).await;
    scene.lip.n_children_become(1).await;
}

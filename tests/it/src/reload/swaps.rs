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

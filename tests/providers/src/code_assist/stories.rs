//! The stories of turns: every row from every frontend, tools and thoughts, streams that break off.
use super::scene::{First, ROWS, Scene, each, one_of_each_kind, scene, text};
use crate::asked::Said;
use crate::clients::{Ask, TONGUES, Tongue};
use crate::server::gemini::SIGNATURE;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_row_serves_all_clients_also_after_a_restart() {
    each(&ROWS, async |row| {
        let scene = scene(row, First::Good).await;
        for tongue in TONGUES {
            scene.hello(tongue).await;
            tools(&scene, tongue).await;
            thoughts(&scene, tongue).await;
        }
        assert_eq!(scene.service.state().projects.known, [(1, row.project().to_owned())]);
        // The project and the login are known from then on, also to a host that starts anew.
        let scene = scene.again().await;
        scene.hello(Tongue::Chat).await;
        assert_eq!(scene.service.state().projects.n_asked, 1);
        assert_eq!(scene.service.state().identity.n_renewed, 0);
        scene.assert_understood();
    })
    .await;
}

/// A call, streamed and not, and its result, which goes back with the call's own signature.
async fn tools(scene: &Scene, tongue: Tongue) {
    let call = Ok(vec![("ls".to_owned(), json!({"path": "src"}))]);
    let mut ask = Ask { tools: true, ..scene.ask("list src", true) };
    let answer = scene.lip.send(tongue.call(&ask)).await;
    assert_eq!(tongue.read(&ask, &answer).map(|told| told.calls), call, "{tongue:?}");
    assert!(answer.text().contains(SIGNATURE), "{tongue:?} loses the signature: {}", answer.text());
    ask.stream = false;
    let answer = scene.lip.send(tongue.call(&ask)).await;
    assert_eq!(tongue.read(&ask, &answer).map(|told| told.calls), call, "{tongue:?}");
    ask.history = tongue.result(&answer, "a.txt");
    ask.stream = true;
    assert_eq!(scene.tell(tongue, &ask).await, Ok(text("It holds a.txt.")), "{tongue:?}");
    let last = scene.service.upstream.requests().pop().expect("a request");
    let body: Value = serde_json::from_slice(&last.body).expect("JSON");
    let part = &body["request"]["contents"][1]["parts"][0];
    assert_eq!(part["thoughtSignature"], SIGNATURE, "{tongue:?} {part}");
}

async fn thoughts(scene: &Scene, tongue: Tongue) {
    for stream in [false, true] {
        let ask = Ask { thinks: true, ..scene.ask("think", stream) };
        let told = scene.tell(tongue, &ask).await.expect("an answer");
        let both = (told.reasoning.as_str(), told.text.as_str());
        assert_eq!(both, ("Six times seven.", "Forty-two, after all."), "{tongue:?}");
    }
    let state = scene.service.state();
    let thinks = |said: &Said| matches!(said, Said::Text(_, prompt) if prompt == "think");
    let asked = state.turns.iter().filter(|(_, asked)| asked.said.iter().any(thinks));
    assert!(asked.into_iter().all(|(_, asked)| asked.thinks), "{tongue:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_never_looks_finished() {
    each(&one_of_each_kind(), async |row| {
        let scene = scene(row, First::Good).await;
        for tongue in TONGUES {
            for prompt in ["cut", "fail"] {
                let ask = scene.ask(prompt, true);
                let answer = scene.lip.send(tongue.call(&ask)).await;
                assert!(tongue.read(&ask, &answer).is_err(), "{tongue:?} {prompt}: {}", answer.text());
            }
        }
        scene.assert_understood();
    })
    .await;
}

//! The stories of tokens: they end, they are refused, they are revoked; each costs one call of the identity server and no more.
use super::scene::{First, Keeps, ROWS, Scene, each, one_of_each_kind, scene};
use crate::clients::{TONGUES, Tongue};
use serde_json::{Value, json};
use stage::CANARY;

/// Tokens that were asked for, tokens that were given for old ones, and requests with a token that is not good.
fn counts(scene: &Scene) -> (usize, usize, usize) {
    let state = scene.service.state();
    (state.identity.n_asked, state.identity.n_renewed, state.n_refused)
}

/// What the account's keeper holds, without what a renewal may change.
fn lasting(scene: &Scene) -> Value {
    let mut kept = scene.kept().1;
    let tokens = match scene.row.keeps {
        Keeps::Cli | Keeps::Own => &mut kept,
        Keeps::Agy => &mut kept["token"],
    };
    assert!(tokens["refresh_token"].as_str().is_some_and(|token| token.starts_with(CANARY)), "{tokens}");
    let own = ["updated_ms", "book", "marks", "fields", "expires_at_ms"];
    for key in ["access_token", "expiry_date", "expiry", "scope"].iter().chain(&own) {
        tokens.as_object_mut().expect("an object").remove(*key);
    }
    kept
}

/// The access token that is kept.
fn access(scene: &Scene) -> String {
    let kept = scene.kept().1;
    let tokens = if scene.row.keeps == Keeps::Agy { &kept["token"] } else { &kept };
    tokens["access_token"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_token_is_renewed_once_and_kept_in_its_place() {
    each(&ROWS, async |row| {
        let scene = scene(row, First::Ended).await;
        let (before, n_login) = (lasting(&scene), counts(&scene).0);
        // Nobody tries the ended token, and who comes meanwhile waits for the new one.
        let [one, two, three, four] = TONGUES;
        tokio::join!(scene.hello(one), scene.hello(two), scene.hello(three), scene.hello(four));
        assert_eq!(counts(&scene), (n_login + 1, 1, 0));
        let newest = scene.service.state().identity.good.last().expect("a token").0.clone();
        assert_eq!((access(&scene), lasting(&scene)), (newest, before));
        // It serves a host that starts anew.
        let scene = scene.again().await;
        scene.hello(Tongue::Anthropic).await;
        assert_eq!(counts(&scene), (n_login + 1, 1, 0));
        scene.assert_understood();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_renewed_once() {
    each(&ROWS, async |row| {
        let scene = scene(row, First::Good).await;
        let (before, n_login) = (lasting(&scene), counts(&scene).0);
        // The first refusal comes when the project is asked for, the others in turns.
        for (n, tongue) in TONGUES.into_iter().enumerate() {
            scene.service.state().identity.good.clear();
            scene.hello(tongue).await;
            assert_eq!(counts(&scene), (n_login + n + 1, n + 1, n + 1), "{tongue:?}");
        }
        assert_eq!(lasting(&scene), before);
        // Where a new token is refused as the old one was, it is not the token: one renewal, two refusals.
        scene.service.state().refuses_all = true;
        scene.refused(Tongue::Chat, 401, "refuses the account").await;
        assert_eq!(counts(&scene), (n_login + 5, 5, 6));
        scene.service.state().refuses_all = false;
        scene.hello(Tongue::Chat).await;
        scene.assert_understood();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_account_needs_a_new_login() {
    each(&ROWS, async |row| {
        let scene = scene(row, First::Good).await;
        scene.hello(Tongue::Chat).await;
        let n_login = counts(&scene).0;
        scene.service.state().identity.good.clear();
        scene.service.state().identity.is_revoked = true;
        for tongue in TONGUES {
            scene.refused(tongue, 401, "log in").await;
        }
        // One call has told, and nobody asks again: not the next turn, and no other host.
        assert_eq!(counts(&scene), (n_login + 1, 0, 1));
        let scene = scene.again().await;
        scene.refused(Tongue::Gemini, 401, "log in").await;
        assert_eq!(counts(&scene), (n_login + 1, 0, 1));
        let accounts = scene.lip.cli("accounts").await.stdout;
        assert!(accounts.contains("needs login"), "{accounts}");
        scene.service.state().identity.is_revoked = false;
        scene.log_in_again().await;
        scene.hello(Tongue::Responses).await;
        scene.assert_understood();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_token_of_a_revoked_account_costs_one_call() {
    each(&one_of_each_kind(), async |row| {
        let scene = scene(row, First::Ended).await;
        let n_login = counts(&scene).0;
        scene.service.state().identity.is_revoked = true;
        let [one, two, three, four] = TONGUES;
        tokio::join!(
            scene.refused(one, 401, "log in"),
            scene.refused(two, 401, "log in"),
            scene.refused(three, 401, "log in"),
            scene.refused(four, 401, "log in"),
        );
        assert_eq!(counts(&scene), (n_login + 1, 0, 0));
        assert_eq!(
            scene.kept().1["mine"],
            if row.keeps == Keeps::Cli { json!({"z": 1}) } else { json!(null) }
        );
    })
    .await;
}

//! The stories of what Google denies: quotas that are used up until a time, and clients that are no longer served.
use super::scene::{First, Keeps, ROWS, Row, Scene, each, scene, text};
use super::service::Ends;
use crate::clients::{Ask, TONGUES, Tongue};

/// Every client is told when the quota is back: 1 h 23 min 20 s after it was said first.
async fn all_wait(scene: &Scene) {
    for tongue in TONGUES {
        let wait = scene.refused(tongue, 429, "").await;
        assert!(wait.is_some_and(|wait| (4_000..=5_001).contains(&wait)), "{tongue:?} {wait:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_used_up_rests_until_the_quotas_own_time() {
    each(&ROWS, async |row| {
        let scene = scene(row, First::Good).await;
        if row.keeps == Keeps::Own {
            scene.log_in("b").await;
        }
        scene.hello(Tongue::Chat).await;
        let one = scene.served()[0];
        scene.service.state().used_up = vec![one];
        let scene = match row.keeps {
            Keeps::Cli | Keeps::Agy => scene,
            Keeps::Own => takes_turns(scene, one).await,
        };
        all_wait(&scene).await;
        // Nobody asks a service again that has said when.
        let n_asked = scene.service.upstream.requests().len();
        all_wait(&scene).await;
        let scene = scene.again().await;
        all_wait(&scene).await;
        assert_eq!(scene.service.upstream.requests().len(), n_asked);
        // The quota is this model's alone.
        let other = Ask { model: format!("{}:gemini-2.5-pro", row.id), ..scene.ask("hello", true) };
        assert_eq!(scene.tell(Tongue::Chat, &other).await, Ok(text("Hello, dear client.")));
        scene.assert_understood();
    })
    .await;
}

/// The second account serves all that the first one cannot, also after a restart; then it is used up as well.
async fn takes_turns(scene: Scene, one: usize) -> Scene {
    for tongue in TONGUES {
        scene.hello(tongue).await;
    }
    let served = scene.served();
    let two = served[0];
    assert!(two != one && served.iter().all(|account| *account == two), "{served:?}");
    let scene = scene.again().await;
    let n_asked = scene.service.upstream.requests().len();
    scene.hello(Tongue::Gemini).await;
    assert_eq!((scene.served(), scene.service.upstream.requests().len() - n_asked), (vec![two, two], 2));
    scene.service.state().used_up.push(two);
    scene
}

/// Rows whose client Google serves no longer, but for those who pay: no tier is left for the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_served_no_longer_is_told_another_way() {
    let rows: Vec<Row> = ROWS.into_iter().filter(|row| row.id.starts_with("gemini-oauth-")).collect();
    each(&rows, async |row| {
        let scene = scene(row, First::Good).await;
        scene.service.state().ends = Some(Ends::BeforeProject);
        for tongue in TONGUES {
            scene.refused(tongue, 403, "antigravity-oauth").await;
        }
        scene.assert_understood();
    })
    .await;
}

/// The same in a turn, where the account had a project; and who wants to log in to the free tier is told at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_free_tier_is_known_to_have_ended() {
    let free = ROWS.into_iter().find(|row| row.id == "gemini-oauth-free").expect("a row");
    let scene = scene(free, First::Good).await;
    scene.hello(Tongue::Chat).await;
    scene.service.state().ends = Some(Ends::InTurn);
    for tongue in TONGUES {
        scene.refused(tongue, 403, "no longer").await;
    }
    scene.assert_understood();
    let printed = scene.lip.cli("login gemini-oauth-free").await.printed();
    assert!(printed.contains("18 June 2026") && printed.contains("antigravity-oauth"), "{printed}");
}

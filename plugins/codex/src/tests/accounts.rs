use crate::Codex;
use lip_plugin::{Account, json};
use lip_testkit::{Outcome, Reply, Stage};

/// Ends in 2030; account acc-1, plan plus.
const ACCESS: &str = "e30.eyJleHAiOjE5MDAwMDAwMDAsImh0dHBzOi8vYXBpLm9wZW5haS5jb20vYXV0aCI6eyJjaGF0Z3B0X2FjY291bnRfaWQiOiJhY2MtMSIsImNoYXRncHRfcGxhbl90eXBlIjoicGx1cyJ9fQ.s";
/// a@b.test, account acc-2.
const ID: &str = "e30.eyJlbWFpbCI6ImFAYi50ZXN0IiwiY2hhdGdwdF9hY2NvdW50X2lkIjoiYWNjLTIifQ.s";

fn stage() -> Stage {
    Stage::of::<Codex>()
}

fn read(file: &str) -> Outcome {
    stage().read_account("codex", file.to_owned()).run()
}

#[test]
fn files_of_the_cli_are_read() {
    let file = json!({"auth_mode": "of a newer release", "OPENAI_API_KEY": null, "last_refresh": "2026-08-22T10:00:00Z",
        "tokens": {"id_token": ID, "access_token": ACCESS, "refresh_token": "rt", "account_id": "acc-9"}});
    let account = read(&file.to_string()).account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), (ACCESS, "rt"));
    assert_eq!((account.label.as_str(), account.expires_at_ms), ("a@b.test", Some(1_900_000_000_000)));
    assert_eq!((account.field("account_id"), account.field("plan")), ("acc-9", "plus"));

    let claimed = json!({"tokens": {"access_token": ACCESS, "id_token": ID}});
    assert_eq!(read(&claimed.to_string()).account().field("account_id"), "acc-1");

    // A token that does not say when it ends lives for eight days since it was renewed.
    let opaque =
        json!({"tokens": {"access_token": "at", "id_token": ID}, "last_refresh": "2026-08-22T10:00:00Z"});
    let account = read(&opaque.to_string()).account();
    assert_eq!(account.expires_at_ms, Some(1_787_392_800_000 + 8 * 86_400_000));
    assert_eq!(account.field("account_id"), "acc-2");

    let key = read(r#"{"OPENAI_API_KEY":"sk-1"}"#).account();
    assert_eq!((key.access_token.as_str(), key.expires_at_ms), ("sk-1", None));
}

#[test]
fn files_without_a_token_say_what_to_do() {
    for (file, code) in [
        ("", "bad_json"),
        ("{\"tokens\"", "bad_json"),
        ("[]", "auth"),
        ("{\"auth_mode\":\"agentIdentity\",\"agent_identity\":{}}", "auth"),
        ("{\"tokens\":{\"access_token\":7}}", "auth"),
    ] {
        let seen = read(file);
        assert_eq!(seen.code(), code, "{file}");
    }
    assert!(
        read("{}").error.is_some_and(|error| error.hint.is_some_and(|hint| hint.contains("codex login")))
    );
}

#[test]
fn new_tokens_are_written_and_all_else_stays() {
    let file = "{\n  \"z\": 1e0,\n  \"tokens\": {\n    \"id_token\": \"i\", \"extra\": [1, 2],\n    \"access_token\": \"old\",\n    \"refresh_token\": \"rt-1\", \"account_id\": \"acc\"\n  },\n  \"last_refresh\": \"2026-01-01T00:00:00Z\"\n}\n";
    let mut account =
        Account { access_token: "new".to_owned(), refresh_token: "rt-2".to_owned(), ..Account::default() };
    account.set("last_refresh", "2026-08-22T10:00:00Z");
    let seen = stage().write_account("codex", file, &account).run();
    let want = file
        .replace("old", "new")
        .replace("rt-1", "rt-2")
        .replace("2026-01-01T00:00:00Z", "2026-08-22T10:00:00Z");
    assert_eq!(seen.text(), want);
    account.set("id_token", ID);
    let seen = stage().write_account("codex", file, &account).run();
    assert_eq!(seen.text(), want.replace("\"i\"", &format!("\"{ID}\"")));
    for broken in ["", "[]", "{}", "{\"tokens\":7}"] {
        assert_eq!(stage().write_account("codex", broken, &account).run().code(), "bad_json", "{broken}");
    }
}

fn renewed(status: u16, answer: &lip_plugin::Value) -> Outcome {
    let mut account = Account {
        name: "one".to_owned(),
        access_token: "at-1".to_owned(),
        refresh_token: "rt-1".to_owned(),
        ..Account::default()
    };
    account.set("id_token", "old-id");
    account.set("mine", "kept");
    stage().reply(Reply::json(status, answer).only_for("POST", "/oauth/token")).refresh(&account).run()
}

#[test]
fn a_token_is_renewed() {
    let seen = renewed(
        200,
        &json!({"access_token": ACCESS, "refresh_token": "rt-2", "id_token": ID, "expires_in": 60}),
    );
    let account = seen.account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), (ACCESS, "rt-2"));
    assert_eq!(
        (account.expires_in_ms, account.field("id_token"), account.field("mine")),
        (Some(60_000), ID, "kept")
    );
    assert_eq!(account.field("last_refresh"), "2023-11-14T22:13:20Z");
    let sent = &seen.requests[0];
    let want = json!({"client_id": "app_EMoamEEZ73f0CkXaXp7hrann", "grant_type": "refresh_token", "refresh_token": "rt-1"});
    assert_eq!((sent.url.as_str(), sent.json()), ("https://auth.openai.com/oauth/token", want));
    // What the answer leaves out stays.
    let account = renewed(200, &json!({"access_token": "at-2"})).account();
    assert_eq!((account.refresh_token.as_str(), account.field("id_token")), ("rt-1", "old-id"));
}

#[test]
fn refusals_of_a_refresh_are_for_good_or_pass() {
    for (status, answer, code) in [
        (400, json!({"error": {"code": "refresh_token_reused", "message": "used"}}), "auth"),
        (400, json!({"error": "refresh_token_expired"}), "auth"),
        (400, json!({"code": "refresh_token_invalidated"}), "auth"),
        (400, json!({"error": "invalid_grant"}), "auth"),
        (401, json!({}), "auth"),
        (400, json!({"error": "invalid_request"}), "upstream"),
        (403, json!({}), "upstream"),
        (429, json!({}), "upstream"),
        (503, json!({}), "upstream"),
        (200, json!({"refresh_token": "rt-2"}), "bad_json"),
        (200, json!(null), "bad_json"),
    ] {
        let seen = renewed(status, &answer);
        assert_eq!(seen.code(), code, "{status} {answer}");
        assert!(!format!("{:?}", seen.error).contains("rt-"), "{:?}", seen.error);
    }
    let without = Account { access_token: "a".to_owned(), ..Account::default() };
    assert_eq!(stage().refresh(&without).run().code(), "auth");
}

#[test]
fn a_browser_logs_in() {
    let tokens = json!({"access_token": ACCESS, "refresh_token": "rt", "id_token": ID});
    let reply = Reply::json(200, &tokens).only_for("POST", "/oauth/token");
    let seen = stage().browser(json!({"code": "c 1"})).reply(reply).login("browser", &json!({})).run();
    let account = seen.account();
    assert_eq!((account.label.as_str(), account.refresh_token.as_str()), ("a@b.test", "rt"));
    assert_eq!(
        (&seen.awaited[0]["ports"], &seen.awaited[0]["path"]),
        (&json!([1455, 1457]), &json!("/auth/callback"))
    );
    let url = seen.shown[0]["url"].as_str().expect("a URL");
    let state = seen.awaited[0]["state"].as_str().expect("a state");
    for part in [
        "https://auth.openai.com/oauth/authorize?response_type=code&client_id=app_EMoamEEZ73f0CkXaXp7hrann",
        "redirect_uri=http%3A%2F%2Flocalhost%3A4711%2Fauth%2Fcallback",
        "scope=openid%20profile%20email%20offline_access",
        "code_challenge_method=S256",
        "originator=lip",
        &format!("state={state}"),
    ] {
        assert!(url.contains(part), "{url}: {part}");
    }
    let form = String::from_utf8_lossy(&seen.requests[0].body).into_owned();
    let begin = "grant_type=authorization_code&code=c%201&redirect_uri=http%3A%2F%2Flocalhost%3A4711%2Fauth%2Fcallback";
    assert!(form.starts_with(begin) && form.contains("&code_verifier="), "{form}");
    let verifier = form.rsplit('=').next().expect("a verifier");
    let challenge = lip_plugin::login::Pkce::of(verifier).challenge;
    assert!(url.contains(&format!("code_challenge={challenge}&")), "{url}");
}

#[test]
fn a_login_that_fails_says_why() {
    for (query, code) in [
        (json!({"error": "access_denied", "error_description": "you said no"}), "auth"),
        (json!({"state": "s"}), "auth"),
    ] {
        let seen = stage().browser(query).login("browser", &json!({})).run();
        assert_eq!((seen.code(), seen.requests.len()), (code, 0));
    }
    assert_eq!(stage().login("browser", &json!({})).run().code(), "timeout");
    let refused = Reply::json(400, &json!({"error": "invalid_grant", "error_description": "old code"}));
    let seen = stage().browser(json!({"code": "c"})).reply(refused).login("browser", &json!({})).run();
    assert!(seen.error.is_some_and(|error| error.message.contains("old code")));
}

#[test]
fn where_the_file_is_can_be_said() {
    for (config, want) in [
        (json!({}), "~/.codex/auth.json"),
        (json!({"codex_home": "/c/"}), "/c/auth.json"),
        (json!({"credentials_path": "/x/my.json", "codex_home": "/c"}), "/x/my.json"),
        (json!({"credentials_path": "/x"}), "/x/auth.json"),
    ] {
        let said = stage().config(&config).task("accounts").run().json();
        assert_eq!((&said["files"][0]["file"], &said["files"][0]["writable"]), (&json!(want), &json!(true)));
        assert_eq!(said["logins"], json!(["browser"]));
    }
    let config = json!({"writable": false, "accounts": "a", "selection_strategy": "random", "refresh_buffer_seconds": 1.5});
    let said = stage().config(&config).task("accounts").run().json();
    assert_eq!((&said["files"][0]["writable"], &said["only"]), (&json!(false), &json!(["a"])));
    assert_eq!((&said["strategy"], &said["early_ms"]), (&json!("random"), &json!(1500)));
}

#[test]
fn bad_config_names_the_key() {
    for config in [
        json!({"base_url": "x"}),
        json!({"token_url": "auth.openai.com"}),
        json!({"auth_url": 7}),
        json!({"callback_ports": [70_000]}),
        json!({"writable": "perhaps"}),
        json!({"originator": "a\r\nb"}),
        json!({"drop_fields": [1]}),
        json!({"refresh_buffer_seconds": -1}),
    ] {
        let error = stage().config(&config).create().expect("an error");
        let key = error.message.split(':').next().expect("a sentence");
        assert!(error.code == "bad_config" && config.get(key).is_some(), "{error:?}");
    }
}

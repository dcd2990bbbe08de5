//! Other spellings of a path: none leads past the check of a key or of the caller's place, and none changes where a request goes.
use super::scene::{BODY, KEY, Scene, exchange, request};

/// Spellings of routes, and of what is no route.
const SPELLINGS: &[(&str, &[&str])] = &[
    (
        "dot_segments",
        &[
            "/v1/../v1/models",
            "/v1/./models",
            "/./v1/models",
            "/health/../v1/models",
            "/v1/models/../../v1/diagnostics",
        ],
    ),
    (
        "encoded_dots",
        &[
            "/v1/%2e%2e/v1/models",
            "/health/%2e%2e/v1/models",
            "/v1/%2E/models",
            "/v1/models/%2e%2e/%2e%2e/v1/diagnostics",
        ],
    ),
    (
        "encoded_slashes",
        &["/v1%2fmodels", "/v1%2Fdiagnostics", "/v1/diagnostics%2fplugins", "/v1%5cmodels", "/%2fv1/models"],
    ),
    (
        "doubled_slashes",
        &["//v1/models", "/v1//models", "///v1/diagnostics", "/v1/diagnostics//plugins", "/v1/models//"],
    ),
    ("backslashes", &["\\v1\\models", "/v1\\models", "/v1/diagnostics\\plugins"]),
    ("other_case", &["/V1/models", "/v1/Models", "/V1/DIAGNOSTICS", "/v1/Chat/Completions"]),
    ("null_bytes", &["/v1/models%00", "/v1/diagnostics%00.json", "/health%00/../v1/models"]),
    (
        "parameters_in_segments",
        &["/v1/models;a=b", "/v1/diagnostics;/plugins", "/v1;x/models", "/health;/v1/models"],
    ),
    (
        "trailing_dots_and_blanks",
        &["/v1/models.", "/v1/models%20", "/v1/models%09", "/v1/models..", "/v1/diagnostics%0a"],
    ),
    (
        "files_of_the_host",
        &[
            "/etc/passwd",
            "/../../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/lip.toml",
            "/v1/../lip.toml",
            "/.env",
            "/proc/self/environ",
        ],
    ),
];

pub(super) fn names() -> Vec<&'static str> {
    SPELLINGS.iter().map(|(name, _)| *name).chain(NAMES.iter().copied()).collect()
}

#[tokio::test]
async fn no_spelling_leads_past_the_key() {
    let scene = Scene::guarded().await;
    for (name, targets) in SPELLINGS {
        for target in *targets {
            for method in ["GET", "POST"] {
                let heard = exchange(scene.lip.address, request(method, target, &[], BODY).as_bytes()).await;
                let status = heard.split(' ').nth(1).unwrap_or("0");
                assert!(
                    ["0", "400", "401", "404", "405"].contains(&status),
                    "{name} {method} {target}: {heard}"
                );
                assert!(!heard.contains("root:") && !heard.contains("canary-"), "{name} {target}: {heard}");
            }
        }
    }
    scene.is_unharmed().await;
}

super::attempts! {
    /// A model's name becomes part of an upstream's URL where the dialect wants that.
    async fn model_name_that_changes_the_upstream_s_path() {
        let scene = Scene::guarded().await;
        for model in [
            "..%2f..%2fadmin", "%2e%2e%2f%2e%2e%2fadmin", "m%3fkey=x%26y", "m%23x", "m%2f..%2f..%2ffiles", "m%0d%0aHost:%20evil.test", "m%20HTTP/1.1",
            "m%00", "m%252f..", "%2f%2fevil.test%2fm", "http:%2f%2fevil.test%2fm", "@evil.test",
        ] {
            let target = format!("/v1beta/models/gemini:{model}:generateContent");
            scene.answer(request("POST", &target, &[("x-api-key", KEY)], BODY)).await;
            let target = "/v1/chat/completions";
            let name = model.replace("%2f", "/").replace("%3f", "?").replace("%23", "#").replace("%2e", ".").replace("%0d%0a", "\\r\\n").replace("%20", " ").replace("%00", "\\u0000");
            let body = BODY.replace("openai:m", &format!("gemini:{name}"));
            scene.answer(request("POST", target, &[("x-api-key", KEY)], &body)).await;
        }
        let asked = scene.upstream.requests();
        assert!(!asked.is_empty(), "none of them reached the provider");
        for request in asked {
            let path = request.target.strip_prefix("/v1beta/models/").unwrap_or_else(|| panic!("{}", request.target));
            let (model, verb) = path.split_once(':').unwrap_or_else(|| panic!("{path}"));
            assert_eq!(verb, "generateContent", "{path}");
            assert!(model.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)), "{path}");
            assert!(![".", "..", "%2e%2e", "%2E%2E"].contains(&model), "{path}");
            assert!(request.header("host").is_some_and(|host| host.starts_with("127.0.0.1")), "{}", request.head);
        }
    }

    async fn name_of_a_backend_that_is_a_path() {
        let scene = Scene::guarded().await;
        for name in ["..%2f..%2fetc", "%2e%2e", "openai%00", "openai%2f..%2fgemini", "%24%28id%29", "a%0aset-cookie:x"] {
            let target = format!("/v1/diagnostics/backends/{name}/reactivate");
            let answer = scene.must_answer(request("POST", &target, &[("x-api-key", KEY)], ""), name).await;
            assert!([400, 404].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
            assert!(answer.header("set-cookie").is_none(), "{name}");
        }
    }
}

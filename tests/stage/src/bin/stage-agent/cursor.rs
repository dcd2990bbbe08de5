//! What the Cursor CLI answers on its command line without `acp`: `--version`, `status --format json`, `--list-models`. As Cursor's
//! documentation of the CLI describes it. Who is logged in stands in `STAGE_CURSOR_LOGIN`: `no` or anything else.

/// Answers such a call and gives the exit code; none: it is to be an agent.
pub(crate) fn answer(args: &[String]) -> Option<i32> {
    let has = |word: &str| args.iter().any(|arg| arg == word);
    let is_logged_in = std::env::var("STAGE_CURSOR_LOGIN").is_ok_and(|login| login != "no")
        || std::env::var_os("CURSOR_API_KEY").is_some();
    if has("--version") {
        println!("2026.11.01-stage");
    } else if has("--list-models") {
        if !is_logged_in {
            eprintln!("Error: Authentication required. Run 'agent login' first, or set CURSOR_API_KEY.");
            return Some(1);
        }
        println!("Loading models…\n\u{1b}[1mAvailable models\u{1b}[0m\n");
        println!("auto - Auto\ncomposer-2 - Composer 2 (current)\ncomposer-2-fast - Composer 2 Fast");
        println!(
            "\u{1b}[32mcursor-small\u{1b}[0m - Cursor Small\ngpt-5.4 - GPT-5.4\ncomposer-2 - Composer 2"
        );
    } else if has("status") {
        let status = if is_logged_in { "authenticated" } else { "unauthenticated" };
        println!(
            "{{\"status\":\"{status}\",\"isAuthenticated\":{is_logged_in},\"hasAccessToken\":{is_logged_in},\
             \"hasRefreshToken\":{is_logged_in},\"message\":\"on the stage\"}}"
        );
    } else {
        return None;
    }
    Some(0)
}

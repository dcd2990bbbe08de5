//! The `plugins.library` tables: names, fields, and what is said of wrong ones.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic, also in its helpers")]

use settings::{CliOverrides, Env, File, Format, Isolation, PluginLock, Resolved, resolve};
use std::time::Duration;

fn load(text: &str) -> Result<Resolved, String> {
    let file = File { name: "l.toml", format: Format::Toml, text };
    resolve(Some(&file), &Env::default(), &CliOverrides::default()).map_err(|refused| refused.to_string())
}

#[test]
fn library_is_found_by_either_name() {
    for name in ["lip_acme", "\"liblip_acme.so\""] {
        let text = format!(
            "[plugins]\nlock = 'require'\n[plugins.library.{name}]\nisolation = 'child'\nmemory = '128MiB'\ncpu = 0.5\n\
             step = 2\nopen_turns = 3\negress = ['Gate.example', '*.b.example', '127.0.0.1:9']\n"
        );
        let resolved = load(&text).unwrap();
        assert_eq!(resolved.plugins_lock(), PluginLock::Require);
        let set = resolved.library("liblip_acme.so");
        assert_eq!(set.isolation(), Some(Isolation::Child));
        assert_eq!((set.memory(), set.open_turns()), (128 << 20, 3));
        assert_eq!((set.cpu(), set.step()), (Duration::from_millis(500), Duration::from_secs(2)));
        assert_eq!(set.egress(), ["gate.example", "*.b.example", "127.0.0.1:9"]);
        let other = resolved.library("liblip_other.so");
        assert_eq!((other.isolation(), other.memory()), (None, 1 << 30));
        assert_eq!(resolved.warnings(), []);
    }
    assert!(load("[plugins.library]\n").unwrap().libraries().is_empty());
    assert_eq!(load("[plugins.library.a]\n").unwrap().libraries()[0].name(), "a");
}

#[test]
fn wrong_tables_are_told_with_their_place() {
    for (text, want) in [
        (
            "[plugins.library.a]\nmemry = 1\n",
            "l.toml:2:1: plugins.library.a: unknown setting \"memry\"\n  hint: did you mean memory?",
        ),
        (
            "[plugins.library.a]\negress = ['https://x.example/']\n",
            "l.toml:2:10: plugins.library.a.egress: \"https://x.example/\" is no host\n  hint: write host, host:port or \
             *.domain, without scheme and path; other scripts as xn--…",
        ),
        (
            "[plugins.library.'d/liba.so']\n",
            "l.toml:1:18: plugins.library: \"d/liba.so\" cannot be the name of a library\n  hint: take the file's name \
             without its folder, such as lip_acme or \"liblip_acme.so\"",
        ),
        (
            "[plugins.library.a]\n[plugins.library.'liba.so']\n",
            "l.toml:2:18: plugins.library.liba.so: is about the same library as \"a\"\n  hint: keep one",
        ),
        (
            "[plugins.library.liba.so]\nmemory = '1GiB'\n",
            "l.toml:1:23: plugins.library.liba: unknown setting \"so\"\n  hint: put a name with dots in quotes: \
             [plugins.library.\"liba.so\"]",
        ),
        ("plugins.library = 3\n", "l.toml:1:19: plugins.library: expected a table, found a whole number"),
        (
            "[plugins]\nlibrry = 3\n",
            "l.toml:2:1: unknown setting \"plugins.librry\"\n  hint: did you mean plugins.library?",
        ),
    ] {
        assert_eq!(load(text).map(|_| ()).unwrap_err(), format!("error: {want}"), "{text}");
    }
}

#[test]
fn isolation_of_a_backend_is_told_where_it_belongs() {
    let resolved = load("[backends.a]\nisolation = 'child'\n").unwrap();
    assert_eq!(
        resolved.warnings()[0].to_string(),
        "l.toml:2:1: backends.a.isolation: is a setting of libraries, not of backends; it is ignored\n  hint: set \
         plugins.isolation, or plugins.library.<name>.isolation"
    );
    assert!(resolved.backends()[0].extra().is_empty());
}

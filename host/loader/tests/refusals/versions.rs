//! Plugins built against other versions of the boundary: changed copies of `plugin-api`, as a third party would have them.
use crate::workshop::{self, repo};
use crate::{Bench, sentences};
use lip_abi::abi_stable::library::{AbiHeaderRef, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use lip_abi::abi_stable::type_layout::TypeLayout;
use loader::{Writable, layout};
use std::fs;
use std::mem::ManuallyDrop;
use std::path::Path;

/// One changed copy.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// File below `plugin-api`, text that is there, text in its place.
    changes: &'static [(&'static str, &'static str, &'static str)],
}

const VERSION: &str = "\nversion = \"1.2.0\"";
const RECORDS: &str = "lip-abi/src/records.rs";

pub(crate) const VARIANTS: &[Variant] = &[
    Variant {
        name: "newer",
        changes: &[
            ("lip-abi/Cargo.toml", VERSION, "\nversion = \"1.3.0\""),
            (
                "lip-abi/src/module.rs",
                "    pub host_info: extern \"C\" fn() -> RStr<'static>,\n",
                "    pub host_info: extern \"C\" fn() -> RStr<'static>,\n    /// New.\n    pub metric: extern \"C\" fn(value: f64),\n",
            ),
            (
                "lip-abi/src/traits.rs",
                "        Buf::empty()\n    }\n",
                "        Buf::empty()\n    }\n    /// New.\n    fn snapshot(&self) -> Buf {\n        Buf::empty()\n    }\n",
            ),
            // The plugin uses the new function where the host has it.
            (
                "lip-plugin/src/glue.rs",
                ") -> RResult<ConnectorBox, AbiError> {\n",
                ") -> RResult<ConnectorBox, AbiError> {\n    if let Some(metric) = host.metric() {\n        metric(1.0);\n    }\n",
            ),
        ],
    },
    Variant {
        name: "major",
        changes: &[
            ("lip-abi/Cargo.toml", VERSION, "\nversion = \"2.0.0\""),
            ("../Cargo.toml", "lip-abi\", version = \"1.2.0\"", "lip-abi\", version = \"2.0.0\""),
        ],
    },
    Variant { name: "retyped", changes: &[(RECORDS, "    pub index: u32,", "    pub index: i32,")] },
    Variant {
        name: "reordered",
        changes: &[(
            RECORDS,
            "    pub cancels: RVec<u64>,\n    /// Pieces of the answer.\n    pub events: RVec<Event>,",
            "    pub events: RVec<Event>,\n    /// Moved.\n    pub cancels: RVec<u64>,",
        )],
    },
];

impl Variant {
    /// Writes the copy to `home`, as a workspace of its own with one plugin. Leaves files alone that are right already, so
    /// that cargo sees what has changed.
    pub(crate) fn write(&self, home: &Path) {
        let mut files = vec![repo().join("Cargo.toml")];
        for krate in ["lip-abi", "lip-plugin", "lip-wire"] {
            let dir = repo().join("plugin-api").join(krate);
            files.push(dir.join("Cargo.toml"));
            let mut folders = vec![dir.join("src")];
            while let Some(folder) = folders.pop() {
                let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
                let (inner, sources): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
                folders.extend(inner);
                files.extend(sources.into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")));
            }
        }
        let mut n_applied = 0;
        for file in files {
            let name = file.strip_prefix(repo()).unwrap().to_str().unwrap().to_owned();
            let mut text = fs::read_to_string(&file).unwrap();
            for (path, old, new) in self.changes {
                if name == format!("plugin-api/{path}") || *path == format!("../{name}") {
                    assert_eq!(text.matches(old).count(), 1, "{}: {name} holds {old:?} once", self.name);
                    text = text.replace(old, new);
                    n_applied += 1;
                }
            }
            if name == "Cargo.toml" {
                text = as_workspace(&text, self.name);
            }
            put(&home.join(name.replace("plugin-api", self.name)), &text);
        }
        assert_eq!(n_applied, self.changes.len(), "{}: every change has its file", self.name);
        // The name is the variant's own: the library's file in the shared target folder bears no other mark.
        let plugin = format!(
            "[package]\nname = \"variant_{}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\nlip-plugin.workspace = true\n",
            self.name
        );
        put(&home.join(self.name).join("plugin/Cargo.toml"), &plugin);
        let good = fs::read_to_string(repo().join("tests/rogues/src/lib.rs")).unwrap();
        let source = good.replace("pub use lip_plugin;\n", "") + "\nlip_plugin::export_connector!(Good);\n";
        put(&home.join(self.name).join("plugin/src/lib.rs"), &source);
        if !home.join("Cargo.lock").exists() {
            fs::copy(repo().join("tests/rogues/Cargo.lock"), home.join("Cargo.lock")).unwrap();
        }
    }
}

/// The root manifest with the copy's own members. They stand below `folder`, which no other variant has: cargo tells crates
/// in one target folder apart by their paths below their workspaces.
fn as_workspace(root: &str, folder: &str) -> String {
    let line = |line: &str| {
        if line.starts_with("members = ") {
            format!("members = [\"{folder}/*\"]\n")
        } else if line.starts_with("exclude = ") {
            String::new()
        } else {
            format!("{}\n", line.replace("\"plugin-api/", &format!("\"{folder}/")))
        }
    };
    root.lines().map(line).collect()
}

fn put(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn newer_minor_version_runs() {
    let plugin = Bench::new().load(&workshop::open().variant("newer"));
    assert_eq!(plugin.manifest().abi, "1.3.0");
    crate::use_it::answers_with_its_body(&plugin);
}

/// A host of the next minor version and a plugin of this one, by the types that both were compiled with.
#[test]
fn older_minor_version_agrees() {
    let (older, newer) = (types_of(&workshop::open().good()), types_of(&workshop::open().variant("newer")));
    assert_eq!(layout::agree(newer, older), Ok(()));
    assert_eq!(layout::agree(older, newer), Ok(()));
    assert_eq!(layout::agree(older, older), Ok(()));
    let retyped = types_of(&workshop::open().variant("retyped"));
    for (host, plugin) in [(newer, retyped), (retyped, newer), (older, retyped)] {
        assert!(layout::agree(host, plugin).is_err());
    }
    // The verdict does not depend on what was compared before.
    assert_eq!(layout::agree(older, older), Ok(()));
}

fn types_of(library: &Path) -> &'static TypeLayout {
    // SAFETY: built from this repository; its constructors are the standard library's. Never unmapped.
    let library = ManuallyDrop::new(unsafe { libloading::Library::new(library) }.unwrap());
    // SAFETY: the symbol is the root module's header, as the export macro writes it.
    let header = *unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL) }.unwrap();
    header.upgrade().unwrap().layout().unwrap()
}

#[test]
fn other_boundaries_are_refused() {
    let bench = Bench::new();
    let dir = bench.dir("plugins");
    for name in ["major", "retyped", "reordered"] {
        fs::copy(workshop::open().variant(name), dir.join(format!("{name}.so"))).unwrap();
    }
    fs::copy(workshop::open().good(), dir.join("good.so")).unwrap();
    let found = bench.discover(&[dir], Writable::Warn);
    assert_eq!(crate::loaded(&found), ["good.so"]);
    let [major, minor, patch] = lip_abi::abi_version();
    let layout = |why: &str| {
        let remedy = "rebuild it with the lip-plugin of this release, unchanged";
        format!("its types at the boundary differ from this host's: {why}; {remedy}")
    };
    let expected = [
        (
            "major.so".to_owned(),
            format!(
                "it was built for plugin ABI 2.0.0, this host has {major}.{minor}.{patch}; \
                 update LIP, or take an older build of it"
            ),
        ),
        (
            "reordered.so".to_owned(),
            layout("RVec: unexpected field (expected field_name:cancels, found field_name:events)"),
        ),
        ("retyped.so".to_owned(), layout("i32: mismatched type (expected u32, found i32)")),
    ];
    assert_eq!(sentences(&found), expected);
}

//! Libraries in C whose table is not what the header says.
use crate::workshop::repo;
use crate::{Bench, sentences};
use loader::Writable;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A connector that does nothing, whose table each variant spoils with a definition.
const SOURCE: &str = r##"
#include "lip_plugin.h"
#ifndef SIZE
#define SIZE sizeof(LipPlugin)
#endif
#ifndef ABI
#define ABI LIP_ABI
#endif
#ifndef CONNECTORS
#define CONNECTORS "[{\"id\": \"quiet\", \"dialects\": [\"lip\"], \"auth\": \"none\"}]"
#endif
#ifndef RESUME
#define RESUME resume
#endif
LIP_PLUGIN_STAMP("quiet " NAME);
static LipText manifest(void) { return lip_text("{\"abi\": \"" LIP_ABI_TEXT "\", \"connectors\": " CONNECTORS "}"); }
static uint32_t create(const LipHost *host, LipText connector, LipText instance, const LipBuf *config, void **made, LipError *error) {
  (void)host, (void)connector, (void)instance, (void)config, (void)made;
  error->code = lip_static("unsupported");
  error->detail = lip_static("{\"message\": \"never\"}");
  return LIP_FAILED;
}
static uint32_t start(void *instance, uint64_t key, LipText what, const LipBuf *meta, const LipBuf *body, void **made, LipError *error) {
  (void)instance, (void)key, (void)what, (void)meta, (void)body, (void)made, (void)error;
  return LIP_FAILED;
}
static uint32_t resume(void *task, const LipCompletion *done, size_t n_done, LipOut *out, LipError *error) {
  (void)task, (void)done, (void)n_done, (void)out, (void)error;
  return LIP_FAILED;
}
static void drop(void *dropped) { (void)dropped; }
uint32_t (*const used)(void *, const LipCompletion *, size_t, LipOut *, LipError *) = resume;
LIP_EXPORT const LipPlugin TABLE = {SIZE, ABI, manifest, create, start, RESUME, drop, drop, NULL, NULL};
"##;

/// Name, what it defines, what its refusal says.
const VARIANTS: [(&str, &[&str], Option<&str>); 8] = [
    ("a_good", &[], None),
    // As a library of the first version with this table: what was added since is not there.
    ("b_older", &["SIZE=offsetof(LipPlugin, shutdown)"], None),
    ("c_newer", &["SIZE=sizeof(LipPlugin)+64"], None),
    ("d_short", &["SIZE=8"], Some("its C table says that it has 8 bytes")),
    ("e_major", &["ABI={9,0,0,0}"], Some("built for plugin ABI 9.0.0")),
    ("f_lacks", &["RESUME=NULL"], Some("its C table lacks the function resume")),
    ("g_hidden", &["TABLE=lip_plugin_c_v2"], Some("neither a root module nor a table for C")),
    ("h_manifest", &["CONNECTORS=\"[]\""], Some("it lists no connector")),
];

fn build(source: &Path, name: &str, defines: &[&str], made: &Path) {
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I"]);
    cc.arg(repo().join("plugin-api/lip-abi/include"));
    if !defines.iter().any(|define| define.starts_with("TABLE")) {
        cc.arg("-DTABLE=lip_plugin_c_v1");
    }
    cc.arg(format!("-DNAME=\"{name}\"")).args(defines.iter().map(|define| format!("-D{define}")));
    let done = cc.arg(source).arg("-o").arg(made).output().unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn spoilt_tables_are_refused_with_a_sentence() {
    let bench = Bench::new();
    let dir = bench.dir("plugins");
    let source = dir.join("quiet.c");
    fs::write(&source, SOURCE).unwrap();
    for (name, defines, _) in VARIANTS {
        build(&source, name, defines, &dir.join(format!("{name}.so")));
    }
    let found = bench.discover(&[dir], Writable::Warn);
    assert_eq!(crate::loaded(&found), ["a_good.so", "b_older.so", "c_newer.so"]);
    let refused: Vec<(String, String)> = sentences(&found);
    let expected: Vec<(&str, &str)> =
        VARIANTS.iter().filter_map(|(name, _, why)| Some((*name, (*why)?))).collect();
    assert_eq!(refused.len(), expected.len(), "{refused:?}");
    for ((file, sentence), (name, why)) in refused.iter().zip(expected) {
        assert!(file.starts_with(name) && sentence.contains(why), "{file}: {sentence}");
    }
}

//! Writes a file beside its own while it is being mapped.
use std::path::{Path, PathBuf};

rogues::lip_plugin::export_connector!(rogues::Good);
rogues::on_load!({
    // A probe is told the library's path.
    let library = std::env::args_os().skip(1).map(PathBuf::from).find(|word| word.is_absolute());
    if let Some(folder) = library.as_deref().and_then(Path::parent) {
        let _ = std::fs::write(folder.join("escaped"), "escaped");
    }
});

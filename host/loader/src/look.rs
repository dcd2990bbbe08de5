//! Libraries from outside: what shows that somebody touched a file, without reading it.
use crate::discover::list;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// Names, sizes and times of libraries. Two that are equal mean that nobody touched a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look(Vec<(PathBuf, Option<(u64, SystemTime)>)>);

impl Look {
    /// At the libraries of these directories.
    pub fn at(dirs: &[PathBuf]) -> Self {
        let mut paths = Vec::new();
        dirs.iter().for_each(|dir| list(dir, &mut paths, &mut Vec::new()));
        let told =
            |path: &PathBuf| fs::metadata(path).and_then(|meta| Ok((meta.len(), meta.modified()?))).ok();
        Self(paths.into_iter().map(|path| (path.clone(), told(&path))).collect())
    }
}

//! What can be said of libraries without any of their code being mapped.
use crate::discover::{Options, Writable, each_once, list};
use crate::file::{self, Content};
use crate::object::{self, Platform};
use crate::refusal::{Refusal, Refused};
use crate::stamp;
use crate::store::sha256;
use crate::trust::{Facts, Judge, Keys, Standing};
use std::path::{Path, PathBuf};

/// A file that could be loaded, if it is trusted.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// The file as it was found.
    pub path: PathBuf,
    /// What it says of itself.
    pub facts: Facts,
    /// Whether it came with the program.
    pub bundled: bool,
    /// Whether it would be let in.
    pub standing: Result<Standing, Refusal>,
}

/// Looks into `dirs` as a discovery does. Maps, copies and writes nothing.
pub fn survey(dirs: &[PathBuf], with: &Options) -> Vec<Result<Surveyed, Refused>> {
    let (mut paths, mut notes) = (Vec::new(), Vec::new());
    for dir in each_once(dirs) {
        list(dir, &mut paths, &mut notes);
    }
    let judge = Judge::new(&with.trust);
    let one = |path: &PathBuf| survey_one(path, with, &judge).map_err(|reason| Refused::new(path, reason));
    paths.iter().map(one).collect()
}

/// The same for one file.
///
/// # Errors
/// Why it cannot be loaded, whoever vouches for it.
pub fn survey_file(path: &Path, with: &Options) -> Result<Surveyed, Refused> {
    survey_one(path, with, &Judge::new(&with.trust)).map_err(|reason| Refused::new(path, reason))
}

fn survey_one(path: &Path, with: &Options, judge: &Judge<'_>) -> Result<Surveyed, Refusal> {
    let (content, _, facts) = look(path, with.writable, judge)?;
    let (standing, bundled) = (judge.judge(&facts, &content.place), judge.is_bundled(&content.place));
    Ok(Surveyed { path: path.to_owned(), facts, bundled, standing })
}

/// Reads a file and judges its bytes and its signature.
pub(crate) fn look(
    path: &Path,
    writable: Writable,
    judge: &Judge<'_>,
) -> Result<(Content, String, Facts), Refusal> {
    let content = file::read(path, writable)?;
    if let Some(platform) = Platform::this() {
        object::check(&content.bytes, platform)?;
    }
    let stamp = stamp::check(&content.bytes)?;
    let signer = judge.signer(path, &content.place, &content.bytes)?;
    let facts = Facts::new(path, sha256(&content.bytes), &stamp, signer);
    Ok((content, stamp.text(), facts))
}

/// What the bytes of a library say of themselves, for whichever platform it is. `file`: its name; `signature`: the text of its
/// `.minisig`. The second value is the platform, such as `linux-x86_64`.
///
/// # Errors
/// It is no library, no plugin, or the signature is not one of `keys`.
pub fn facts(
    file: &str,
    bytes: &[u8],
    signature: Option<&str>,
    keys: &Keys,
) -> Result<(Facts, String), Refusal> {
    let target = object::target(bytes)?;
    if target == this_target()
        && let Some(platform) = Platform::this()
    {
        object::check(bytes, platform)?;
    }
    let stamp = stamp::check(bytes)?;
    let signer = signature.filter(|_| !keys.is_empty()).map(|text| keys.check(text, bytes)).transpose()?;
    Ok((Facts::new(Path::new(file), sha256(bytes), &stamp, signer), target))
}

/// The platform of this host, such as `linux-x86_64`.
pub fn this_target() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

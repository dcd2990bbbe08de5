//! Judges the object format of a file's bytes, before the system's loader sees them. Runs nothing, maps nothing.
use crate::refusal::{Refusal, tidy};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Architecture, BinaryFormat, Endianness, FileKind, Object, ObjectKind, ObjectSegment, elf};

/// What the system's loader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) format: BinaryFormat,
    pub(crate) processor: Architecture,
}

impl Platform {
    /// The one that this host was built for; `None` when it is not in the list, then only the system's loader judges.
    pub(crate) fn this() -> Option<Self> {
        let format = if cfg!(target_vendor = "apple") {
            BinaryFormat::MachO
        } else if cfg!(windows) {
            BinaryFormat::Pe
        } else {
            BinaryFormat::Elf
        };
        let processor = match std::env::consts::ARCH {
            "x86_64" => Architecture::X86_64,
            "aarch64" => Architecture::Aarch64,
            "riscv64" => Architecture::Riscv64,
            "powerpc64" => Architecture::PowerPc64,
            "s390x" => Architecture::S390x,
            "loongarch64" => Architecture::LoongArch64,
            _ => return None,
        };
        Some(Self { format, processor })
    }
}

/// The platform that a library is built for, such as `linux-x86_64`, in the words of `std::env::consts`.
pub(crate) fn target(bytes: &[u8]) -> Result<String, Refusal> {
    FileKind::parse(bytes).map_err(|_| Refusal::NotALibrary)?;
    let file = object::File::parse(bytes).map_err(damaged)?;
    let system = match file.format() {
        BinaryFormat::Elf => "linux",
        BinaryFormat::MachO => "macos",
        BinaryFormat::Pe => "windows",
        _ => return Err(Refusal::NotALibrary),
    };
    let processor = match file.architecture() {
        Architecture::X86_64 => "x86_64".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    Ok(format!("{system}-{processor}"))
}

/// Is it a whole shared library for `platform`?
pub(crate) fn check(bytes: &[u8], platform: Platform) -> Result<(), Refusal> {
    let kind = FileKind::parse(bytes).map_err(|_| Refusal::NotALibrary)?;
    let (format, width) = match kind {
        FileKind::Elf64 => (BinaryFormat::Elf, 64),
        FileKind::Elf32 => (BinaryFormat::Elf, 32),
        FileKind::MachO64 => (BinaryFormat::MachO, 64),
        FileKind::MachO32 => (BinaryFormat::MachO, 32),
        FileKind::MachOFat32 | FileKind::MachOFat64 => {
            return Err(Refusal::OtherKind { found: "a universal binary of several platforms".to_owned() });
        }
        FileKind::Pe64 => (BinaryFormat::Pe, 64),
        FileKind::Pe32 => (BinaryFormat::Pe, 32),
        _ => return Err(Refusal::NotALibrary),
    };
    if format != platform.format {
        return Err(Refusal::OtherSystem {
            found: name(format).to_owned(),
            wanted: name(platform.format).to_owned(),
        });
    }
    if width != usize::BITS {
        return Err(Refusal::OtherWidth { found: width, wanted: usize::BITS });
    }
    let file = object::File::parse(bytes).map_err(damaged)?;
    if file.architecture() != platform.processor {
        let processor = |a: Architecture| format!("{a:?}").to_lowercase();
        return Err(Refusal::OtherProcessor {
            found: processor(file.architecture()),
            wanted: processor(platform.processor),
        });
    }
    let found = match file.kind() {
        ObjectKind::Dynamic if is_program(bytes, kind)? => "a program",
        ObjectKind::Dynamic => return whole(&file, bytes.len() as u64),
        ObjectKind::Executable => "a program",
        ObjectKind::Relocatable => "an object file",
        ObjectKind::Core => "a core dump",
        _ => "of an unknown kind",
    };
    Err(Refusal::OtherKind { found: found.to_owned() })
}

fn name(format: BinaryFormat) -> &'static str {
    match format {
        BinaryFormat::MachO => "macOS (Mach-O)",
        BinaryFormat::Pe => "Windows (PE)",
        _ => "Unix (ELF)",
    }
}

fn damaged(error: object::read::Error) -> Refusal {
    Refusal::Damaged { why: tidy(&error.to_string().to_lowercase(), 120) }
}

/// The system maps the file's segments by these numbers: past the end of the file, touching the memory kills the process.
fn whole(file: &object::File<'_>, len: u64) -> Result<(), Refusal> {
    let mut n_segments = 0;
    for segment in file.segments() {
        n_segments += 1;
        let (start, size) = segment.file_range();
        if start.checked_add(size).is_none_or(|end| end > len) {
            return Err(Refusal::Damaged {
                why: format!("a segment ends at byte {} of {len}", start.saturating_add(size)),
            });
        }
    }
    if n_segments == 0 {
        return Err(Refusal::Damaged { why: "it has no segments".to_owned() });
    }
    Ok(())
}

/// A position-independent program looks like a library but for one flag. Also checks ELF's dynamic section.
fn is_program(bytes: &[u8], kind: FileKind) -> Result<bool, Refusal> {
    if kind != FileKind::Elf64 {
        return Ok(false);
    }
    let header = elf::FileHeader64::<Endianness>::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    for segment in segments {
        if let Some(entries) = segment.dynamic(endian, bytes).map_err(damaged)? {
            let flags = entries.iter().find(|entry| entry.d_tag(endian) == elf::DT_FLAGS_1);
            return Ok(flags.is_some_and(|entry| entry.d_val(endian) & elf::DF_1_PIE.0 != 0));
        }
    }
    Err(Refusal::Damaged { why: "it has no dynamic section".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Damaged headers are judged, never run into: one byte of the first kilobyte changed, or the file cut anywhere.
    #[test]
    fn damaged_headers_do_no_harm() {
        let Some(platform) = Platform::this() else { return };
        let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(matches!(check(&bytes, platform), Err(Refusal::OtherKind { .. })));
        let mut state = 1u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (at, value) = ((state >> 33) as usize % 1024, (state >> 50) as u8);
            let old = std::mem::replace(&mut bytes[at], value);
            // A verdict of either kind; a changed byte may well leave a sound file.
            let _ = check(&bytes, platform);
            bytes[at] = old;
            let end = (state >> 20) as usize % bytes.len();
            assert!(check(&bytes[..end], platform).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn other_systems_are_named() {
        let linux = Platform { format: BinaryFormat::Elf, processor: Architecture::X86_64 };
        let mac = [&b"\xcf\xfa\xed\xfe"[..], &[0; 60]].concat();
        let why = |bytes: &[u8], platform| check(bytes, platform).unwrap_err().to_string();
        assert_eq!(
            why(&mac, linux),
            "it is a library for macOS (Mach-O), this system loads those for Unix (ELF)"
        );
        let windows = Platform { format: BinaryFormat::Pe, ..linux };
        assert_eq!(
            why(b"\x7fELF\x02\x01\x01", windows),
            "it is no shared library: its content is of another kind"
        );
        let elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 60]].concat();
        assert_eq!(
            why(&elf, windows),
            "it is a library for Unix (ELF), this system loads those for Windows (PE)"
        );
    }
}

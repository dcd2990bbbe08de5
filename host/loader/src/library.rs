//! Maps a checked copy of a library and takes its root module. Libraries are never unmapped.
use crate::c_module::CModule;
use crate::manifest::{self, Manifest};
use crate::module::Module;
use crate::refusal::{Refusal, tidy};
use crate::{layout, sys};

use lip_abi::abi_stable::StableAbi;
use lip_abi::abi_stable::library::{
    AbiHeaderRef, LibHeader, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL, RootModuleError,
};
use lip_abi::{PluginMod_Ref, c};
use std::error::Error;
use std::mem::ManuallyDrop;
use std::path::Path;

/// A library in this process.
pub(crate) struct Loaded {
    pub(crate) module: Module,
    pub(crate) manifest: Manifest,
}

/// Maps the library at `path`, compares its types with this host's, runs its start-up code and reads its manifest.
///
/// Call it only in a probe process, or for a file that a probe process has survived.
pub(crate) fn load(path: &Path) -> Result<Loaded, Refusal> {
    // SAFETY: this is the probe process, or one has survived the same bytes; the store's copy cannot change (mode 0500 in
    // a private folder, never written in place).
    let library = unsafe { sys::map_library(path) };
    let library = library.map_err(|e| Refusal::NotMapped { why: chain(&e) })?;
    // Never dropped, so what is taken from it below is valid until the process ends.
    let library = ManuallyDrop::new(library);
    let module = match root_header(&library) {
        Err(Refusal::NoRootModule) => Module::C(c_table(&library)?),
        Err(refused) => return Err(refused),
        Ok(header) => Module::Rust(root_module(header)?),
    };
    let manifest = manifest::parse(module.manifest_text().as_bytes())?;
    Ok(Loaded { module, manifest })
}

fn root_module(header: &'static LibHeader) -> Result<PluginMod_Ref, Refusal> {
    let theirs = header
        .layout()
        .ok_or_else(|| Refusal::ForeignRoot { why: "it was exported without its types".to_owned() })?;
    layout::agree(PluginMod_Ref::LAYOUT, theirs).map_err(|why| Refusal::OtherLayout { why })?;
    // SAFETY: the layouts agree in one of the two directions, so every field that both sides know is the same; fields that
    // one side lacks are reached through accessors that know it.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<PluginMod_Ref>() };
    module.map_err(refusal)
}

fn c_table(library: &ManuallyDrop<libloading::Library>) -> Result<CModule, Refusal> {
    // SAFETY: only the symbol's address is taken, as a pointer.
    let symbol = unsafe { library.get::<*const c::Plugin>(c::ENTRY_WITH_NUL) };
    let table: *const c::Plugin = *symbol.map_err(|_| Refusal::NoRootModule)?;
    // SAFETY: the library is never unmapped; this is the probe process, or one has survived the same bytes.
    unsafe { CModule::read(table) }
}

fn root_header(library: &ManuallyDrop<libloading::Library>) -> Result<&'static LibHeader, Refusal> {
    // SAFETY: the symbol is abi_stable's, whose address is that of an `AbiHeader`; `AbiHeaderRef` is one pointer to it. If
    // the symbol is something else, `upgrade` finds no magic there, and a probe process has survived reading it.
    let symbol = unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL) };
    let header: AbiHeaderRef = *symbol.map_err(|_| Refusal::NoRootModule)?;
    header.upgrade().map_err(refusal)
}

fn refusal(error: LibraryError) -> Refusal {
    match error {
        LibraryError::InvalidAbiHeader(header) => Refusal::ForeignRoot {
            why: if header.magic_string == lip_abi::abi_stable::library::AbiHeader::VALUE.magic_string {
                format!("abi_stable {}.{}", header.abi_major, header.abi_minor)
            } else {
                "its header has another magic number".to_owned()
            },
        },
        LibraryError::InvalidCAbi { .. } => {
            Refusal::ForeignRoot { why: "its compiler passes values another way".to_owned() }
        }
        LibraryError::IncompatibleVersionNumber {
            expected_version: host, actual_version: plugin, ..
        } => {
            let numbers = |v: lip_abi::abi_stable::sabi_types::VersionNumber| {
                [v.major, v.minor, v.patch].map(|n| u16::try_from(n).unwrap_or(u16::MAX))
            };
            Refusal::OtherAbi { plugin: numbers(plugin), host: numbers(host) }
        }
        LibraryError::RootModule { err: RootModuleError::Unwound, .. } => {
            Refusal::NotInitialised { why: "it panicked".to_owned() }
        }
        LibraryError::RootModule { err: RootModuleError::Returned(error), .. } => {
            Refusal::NotInitialised { why: tidy(&error.to_string(), 200) }
        }
        other => Refusal::NotInitialised { why: tidy(&other.to_string(), 200) },
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    tidy(&text, 300)
}

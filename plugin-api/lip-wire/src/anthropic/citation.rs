//! Citations of a text block: kept as sent, with what other dialects understand read out of them.
use super::{ANTHROPIC, path::Path, wire};
use crate::{
    canon::{Annotation, Json, Native},
    codec::{Array, Raw, Str},
    loss::Losses,
};

/// Reads the list `citations`; anything but a list is none.
pub(super) fn decode_all(raw: Raw<'_>) -> Vec<Annotation> {
    raw.read::<Vec<Raw<'_>>>().unwrap_or_default().into_iter().map(decode).collect()
}

/// Reads one citation. Its character positions are those of the cited document, not of this text, so they stay in the raw object.
pub(super) fn decode(raw: Raw<'_>) -> Annotation {
    let cited = raw.read::<wire::Citation<'_>>().unwrap_or_default();
    let address = |source: &Str<'_>| source.as_str().contains("://");
    Annotation {
        url: cited.url.or(cited.source.filter(address)).map(Str::into_owned),
        title: cited.title.or(cited.document_title).map(Str::into_owned),
        file_id: cited.file_id.map(Str::into_owned),
        quote: cited.cited_text.map(Str::into_owned),
        native: Some(Native { dialect: ANTHROPIC, raw: Json::from(raw) }),
        ..Annotation::default()
    }
}

/// The citation as this API sent it. Citations of other dialects cannot be told: every kind here needs an index that only this provider hands out.
pub(super) fn native(annotation: &Annotation) -> Option<&Json> {
    annotation.native.as_ref().filter(|native| native.dialect == ANTHROPIC).map(|native| &native.raw)
}

/// Writes those that can be told, notes the others.
pub(super) fn encode_all(annotations: &[Annotation], path: Path, list: &mut Array<'_>, losses: &mut Losses) {
    for annotation in annotations {
        match native(annotation) {
            Some(raw) => list.raw(raw),
            None => losses.dropped(path.field("annotations"), FOREIGN),
        }
    }
}

/// Why a citation is lost.
pub(super) const FOREIGN: &str = "citations need an index of this provider";

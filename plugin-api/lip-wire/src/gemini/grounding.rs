//! Citations: `groundingMetadata` and `citationMetadata` of a candidate ⇄ annotations of its text.
//!
//! The raw objects stay with the candidate for Gemini's own clients; the annotations made of them are for everyone else, marked by [`Native`] so that they are not
//! written twice. Positions are bytes, as Gemini counts them.
use super::{GEMINI, wire};
use crate::{
    canon::{Annotation, Json, Native},
    codec::{Count, Object, Raw, Str},
};

/// More sources than any answer cites.
const CHUNKS_MAX: u64 = 1024;

/// The citations of a candidate.
pub(super) fn decode(grounding: Option<Raw<'_>>, citations: Option<Raw<'_>>) -> Vec<Annotation> {
    let mut out = Vec::new();
    if let Some(raw) = grounding {
        let read: wire::Grounding<'_> = raw.read().unwrap_or_default();
        let chunks = read.chunks.unwrap_or_default();
        for support in read.supports.into_iter().flatten() {
            let segment = support.segment.unwrap_or_default();
            for index in support.chunks.into_iter().flatten() {
                let chunk = usize::try_from(index.0).ok().and_then(|index| chunks.get(index));
                let source = chunk.and_then(|chunk| {
                    chunk.web.as_ref().or(chunk.retrieved.as_ref()).or(chunk.maps.as_ref())
                });
                let Some(source) = source else { continue };
                out.push(Annotation {
                    start: Some(segment.start.map_or(0, |n| n.0)),
                    end: segment.end.map(|n| n.0),
                    ..annotation(source.uri.as_ref(), source.title.as_ref())
                });
            }
        }
    }
    if let Some(raw) = citations {
        let read: wire::Citations<'_> = raw.read().unwrap_or_default();
        for citation in read.citations.into_iter().flatten() {
            out.push(Annotation {
                start: citation.start.map(|n: Count| n.0),
                end: citation.end.map(|n| n.0),
                ..annotation(citation.uri.as_ref(), citation.title.as_ref())
            });
        }
    }
    out
}

fn annotation(uri: Option<&Str<'_>>, title: Option<&Str<'_>>) -> Annotation {
    let owned = |text: Option<&Str<'_>>| text.map(|text| text.as_str().to_owned());
    Annotation {
        url: owned(uri),
        title: owned(title),
        native: Some(Native { dialect: GEMINI, raw: Json::null() }),
        ..Annotation::default()
    }
}

/// Whether an annotation was made of the candidate's own objects.
pub(super) fn is_own(annotation: &Annotation) -> bool {
    annotation.native.as_ref().is_some_and(|native| native.dialect == GEMINI)
}

/// Writes the citations of foreign texts as `groundingMetadata`; each with the number of its part.
pub(super) fn encode(cited: &[(u64, &Annotation)], object: &mut Object<'_>) {
    let cited: Vec<_> = cited.iter().filter(|(_, annotation)| annotation.url.is_some()).collect();
    if cited.is_empty() {
        return;
    }
    object.object("groundingMetadata", |grounding| {
        grounding.array("groundingChunks", |list| {
            for (_, annotation) in &cited {
                list.object(|chunk| {
                    chunk.object("web", |web| {
                        web.opt("uri", annotation.url.as_deref());
                        web.opt("title", annotation.title.as_deref());
                    });
                });
            }
        });
        grounding.array("groundingSupports", |list| {
            for (index, (part, annotation)) in (0..CHUNKS_MAX).zip(&cited) {
                list.object(|support| {
                    support.object("segment", |segment| {
                        segment.opt("partIndex", Some(part).filter(|part| **part > 0));
                        segment.opt("startIndex", annotation.start);
                        segment.opt("endIndex", annotation.end);
                    });
                    support.put("groundingChunkIndices", &[index]);
                });
            }
        });
    });
}

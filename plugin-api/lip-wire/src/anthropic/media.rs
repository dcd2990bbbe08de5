//! Images and documents: `source` of kind `base64`, `text`, `url`, `file`.
use super::{ANTHROPIC, wire};
use crate::{
    canon::{Media, MediaKind, Source},
    codec::{CodecError, Object, Raw, Str},
};

/// Reads the source of an image or document. `None`: a document made of content blocks (`content`), which no other dialect has.
pub(super) fn decode(
    kind: MediaKind,
    raw: Option<Raw<'_>>,
    name: Option<Str<'_>>,
) -> Result<Option<Media>, CodecError> {
    let raw = raw.ok_or_else(|| CodecError::missing(ANTHROPIC, "source"))?;
    let source: wire::Source<'_> = raw.parse(ANTHROPIC).map_err(|error| error.under("source"))?;
    let word = source.kind.ok_or_else(|| CodecError::missing(ANTHROPIC, "source.type"))?;
    let need = |value: Option<Str<'_>>, field: &str| {
        value.map(Str::into_owned).ok_or_else(|| CodecError::missing(ANTHROPIC, format!("source.{field}")))
    };
    let place = match word.as_str() {
        "base64" => Source::Base64(need(source.data, "data")?),
        "text" => Source::Text(need(source.data, "data")?),
        "url" => Source::Url(need(source.url, "url")?),
        "file" => Source::FileId(need(source.file_id, "file_id")?),
        "content" => return Ok(None),
        other => return Err(CodecError::unknown_value(ANTHROPIC, "source.type", other)),
    };
    Ok(Some(Media {
        kind,
        source: place,
        media_type: source.media_type.map(Str::into_owned),
        name: name.map(Str::into_owned),
        detail: None,
        transcript: None,
    }))
}

/// Whether the API has a block for it; else why not. `own`: the client spoke this dialect, so its file ids may be known upstream.
pub(super) fn expressible(media: &Media, own: bool) -> Result<(), &'static str> {
    match (media.kind, &media.source) {
        (MediaKind::Audio | MediaKind::Video, _) => Err("the messages api takes no audio and no video"),
        (_, Source::FileId(_)) if !own => Err("file stored at another provider"),
        (_, Source::Url(url)) if !own && !url.starts_with("https:") && !url.starts_with("http:") => {
            Err("address that only another provider reads")
        }
        (MediaKind::Image, Source::Text(_)) => Err("text is no image"),
        (MediaKind::Image, Source::Base64(data)) if mime(media, data).is_none() => {
            Err("image of unknown type")
        }
        (MediaKind::File, Source::Base64(data)) if !own && mime(media, data) != Some("application/pdf") => {
            Err("documents only as pdf or plain text")
        }
        _ => Ok(()),
    }
}

/// Writes a medium that is [`expressible`] as the fields of a block.
pub(super) fn encode(media: &Media, object: &mut Object<'_>) {
    let image = media.kind == MediaKind::Image;
    object.put("type", if image { "image" } else { "document" });
    object.object("source", |source| match &media.source {
        Source::Base64(data) => {
            source.put("type", "base64");
            source.opt("media_type", mime(media, data));
            source.put("data", data);
        }
        Source::Text(text) => {
            source.put("type", "text");
            source.put("media_type", "text/plain");
            source.put("data", text);
        }
        Source::Url(url) => {
            source.put("type", "url");
            source.put("url", url);
        }
        Source::FileId(id) => {
            source.put("type", "file");
            source.put("file_id", id);
        }
    });
    if !image {
        object.opt("title", media.name.as_deref());
    }
}

/// The type as given, else as the first bytes tell (base64 of the formats' magic numbers).
fn mime<'m>(media: &'m Media, data: &str) -> Option<&'m str> {
    match media.media_type.as_deref() {
        Some("image/jpg") => return Some("image/jpeg"),
        Some(given) => return Some(given),
        None => {}
    }
    let magic = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi", "application/pdf"),
    ];
    magic.iter().find(|(head, _)| data.starts_with(head)).map(|(_, mime)| *mime)
}

//! Images as Kiro takes them: a few per message, in four formats, inline. Everything else is told in words.
use lip_plugin::canon::{Media, MediaKind, Source};
use lip_plugin::{Value, json};

const IMAGES_MAX: usize = 4;
/// Characters of base64 that one image may have.
const IMAGE_CHARS_MAX: usize = 3_750_000;
const FORMATS: [&str; 4] = ["gif", "jpeg", "png", "webp"];

/// A medium that cannot go along.
pub(super) struct Unseen {
    /// What the model is told in its place.
    pub(super) told: String,
    /// What the trace is told.
    pub(super) note: Option<String>,
}

/// The image and its bytes.
pub(super) fn image(medium: &Media, already: usize) -> Result<(Value, usize), Unseen> {
    let kind = match medium.kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::File => "file",
    };
    let name = medium.name.as_deref().unwrap_or("without a name");
    let unseen = |why: &str| Unseen {
        told: format!("[{kind} {name}: left out, {why}]"),
        note: Some(format!("Kiro does not get a medium ({kind}): {why}")),
    };
    let data = match (&medium.source, medium.kind) {
        (Source::Text(text), _) => {
            return Err(Unseen { told: format!("[{kind} {name}]\n{text}"), note: None });
        }
        (Source::Base64(data), MediaKind::Image) => data,
        (Source::Url(url), MediaKind::Image) => return Err(unseen(&format!("it stands at {url}"))),
        _ => return Err(unseen("only inline images are taken")),
    };
    let subtype = medium.media_type.as_deref().and_then(|kind| kind.rsplit('/').next()).unwrap_or("png");
    let format = if subtype == "jpg" { "jpeg" } else { subtype };
    if !FORMATS.contains(&format) {
        return Err(unseen("only GIF, JPEG, PNG and WebP are taken"));
    }
    if data.len() > IMAGE_CHARS_MAX {
        return Err(unseen("it is too large"));
    }
    if already >= IMAGES_MAX {
        return Err(unseen("there are too many in one message"));
    }
    Ok((json!({"format": format, "source": {"bytes": data}}), data.len()))
}

//! Content parts with media: `image_url`, `video_url`, `input_audio`, `file`.
use super::{CHAT, wire};
use crate::{
    canon::{CacheMark, Content, Media, MediaKind, Part, Refusal, Source, Text},
    codec::{CodecError, Object, Raw, Str, data_url, split_data_url},
};

/// Reads one content part. Unknown kinds are errors: dropping them would change what was said.
pub(super) fn decode_part(part: wire::Part<'_>) -> Result<Part, CodecError> {
    let kind = part.kind.as_ref().ok_or_else(|| CodecError::missing(CHAT, "type"))?;
    let content = match kind.as_str() {
        // Clients that speak several dialects mix up the names of the text kinds; the meaning is the same.
        "text" | "input_text" | "output_text" => {
            let text = part.text.ok_or_else(|| CodecError::missing(CHAT, "text"))?.into_words();
            Content::Text(Text { text, ..Text::default() })
        }
        "refusal" => Content::Refusal(Refusal {
            text: part.refusal.map(Str::into_owned).unwrap_or_default(),
            logprobs: Vec::new(),
        }),
        "image_url" => decode_url(part.image_url, MediaKind::Image, "image_url")?,
        "video_url" => decode_url(part.video_url, MediaKind::Video, "video_url")?,
        "input_audio" => {
            let audio = part.input_audio.ok_or_else(|| CodecError::missing(CHAT, "input_audio"))?;
            let data = audio.data.ok_or_else(|| CodecError::missing(CHAT, "input_audio.data"))?;
            let mut media = media(MediaKind::Audio, Source::Base64(data.into_owned()));
            media.media_type = audio.format.map(|format| format!("audio/{}", format.as_str()));
            Content::Media(media)
        }
        "file" => decode_file(*part.file.ok_or_else(|| CodecError::missing(CHAT, "file"))?)?,
        other => return Err(CodecError::unknown_value(CHAT, "type", other)),
    };
    Ok(Part {
        content,
        cache: part.cache_control.map(|mark| CacheMark { ttl: mark.ttl.map(Str::into_owned) }),
        extensions: part.rest.into_extensions(CHAT),
        ..Part::default()
    })
}

fn media(kind: MediaKind, source: Source) -> Media {
    Media { kind, source, media_type: None, name: None, detail: None, transcript: None }
}

/// `{"url": …, "detail": …}`, or the bare URL that some clients send.
fn decode_url(raw: Option<Raw<'_>>, kind: MediaKind, field: &str) -> Result<Content, CodecError> {
    let raw = raw.ok_or_else(|| CodecError::missing(CHAT, field))?.get();
    let wrong = |error: serde_json::Error| CodecError::at(CHAT, field, error.to_string());
    let object = if raw.starts_with('"') {
        wire::MediaUrl { url: Some(serde_json::from_str(raw).map_err(wrong)?), ..wire::MediaUrl::default() }
    } else {
        serde_json::from_str::<wire::MediaUrl<'_>>(raw).map_err(wrong)?
    };
    let url = object.url.ok_or_else(|| CodecError::missing(CHAT, format!("{field}.url")))?;
    let mut media = media(kind, Source::Url(String::new()));
    match split_data_url(url.as_str()) {
        Some((mime, data)) => {
            media.source = Source::Base64(data.to_owned());
            media.media_type = Some(mime.to_owned()).filter(|mime| !mime.is_empty());
        }
        None => media.source = Source::Url(url.into_owned()),
    }
    media.detail = object.detail.map(Str::into_owned);
    Ok(Content::Media(media))
}

fn decode_file(file: wire::File<'_>) -> Result<Content, CodecError> {
    let mut media = media(MediaKind::File, Source::FileId(String::new()));
    media.name = file.filename.map(Str::into_owned);
    if let Some(id) = file.file_id {
        media.source = Source::FileId(id.into_owned());
        return Ok(Content::Media(media));
    }
    let data = file.file_data.ok_or_else(|| CodecError::missing(CHAT, "file.file_data"))?;
    match split_data_url(data.as_str()) {
        Some((mime, base64)) => {
            media.source = Source::Base64(base64.to_owned());
            media.media_type = Some(mime.to_owned()).filter(|mime| !mime.is_empty());
        }
        None if data.as_str().contains("://") => media.source = Source::Url(data.into_owned()),
        None => media.source = Source::Base64(data.into_owned()),
    }
    Ok(Content::Media(media))
}

/// Writes a medium that is [`expressible`] as the fields of a content part.
pub(super) fn encode_media(media: &Media, object: &mut Object<'_>) {
    let mime = media.media_type.as_deref();
    match (media.kind, &media.source) {
        (MediaKind::Image | MediaKind::Video, source) => {
            let kind = if media.kind == MediaKind::Image { "image_url" } else { "video_url" };
            object.put("type", kind);
            object.object(kind, |inner| {
                match source {
                    Source::Base64(data) => inner.put("url", &data_url(mime, data)),
                    Source::Url(url) | Source::FileId(url) | Source::Text(url) => inner.put("url", url),
                }
                inner.opt("detail", media.detail.as_deref());
            });
        }
        (
            MediaKind::Audio,
            Source::Base64(data) | Source::Url(data) | Source::FileId(data) | Source::Text(data),
        ) => {
            object.put("type", "input_audio");
            object.object("input_audio", |inner| {
                inner.put("data", data);
                inner.opt("format", mime.map(audio_format));
            });
        }
        (MediaKind::File, Source::Text(text)) => {
            object.put("type", "text");
            object.put("text", text);
        }
        (MediaKind::File, source) => {
            object.put("type", "file");
            object.object("file", |inner| {
                match source {
                    Source::FileId(id) => inner.put("file_id", id),
                    Source::Base64(data) if mime.is_some() => inner.put("file_data", &data_url(mime, data)),
                    Source::Base64(data) | Source::Url(data) | Source::Text(data) => {
                        inner.put("file_data", data)
                    }
                }
                inner.opt("filename", media.name.as_deref());
            });
        }
    }
}

/// Chat names audio formats by their common short name.
fn audio_format(mime: &str) -> &str {
    match mime {
        "audio/mpeg" => "mp3",
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        other => other.strip_prefix("audio/").unwrap_or(other),
    }
}

/// Whether Chat has a part for it; else why not.
pub(super) fn expressible(media: &Media) -> Result<(), &'static str> {
    match (media.kind, &media.source) {
        (MediaKind::Audio, Source::Url(_)) => Err("audio only as inline data"),
        (MediaKind::Image | MediaKind::Video | MediaKind::Audio, Source::FileId(_)) => {
            Err("file ids only for documents")
        }
        (MediaKind::Image | MediaKind::Video | MediaKind::Audio, Source::Text(_)) => {
            Err("text is no such medium")
        }
        _ => Ok(()),
    }
}

//! Content parts, both ways: text, refusals, images, files, audio, citations, token probabilities.
use super::{CONTENT, ITEM, RESPONSES, item_in, wire};
use crate::{
    canon::{
        Annotation, Content, Json, Media, MediaKind, Native, Part, Refusal, Source, Text, TokenLogprob,
        TopLogprob,
    },
    codec::{Array, CodecError, Object, Raw, Said, Str, Whole, data_url, split_data_url},
    loss::Losses,
};

/// Reads one content part. What the model has no kind for stays whole.
pub(super) fn decode_part(part: Whole<'_, wire::Part<'_>>) -> Result<Part, CodecError> {
    let raw = part.raw();
    let part = part.parse(RESPONSES)?;
    let kind = part.kind.as_ref().ok_or_else(|| CodecError::missing(RESPONSES, "type"))?;
    let content = match kind.as_str() {
        "input_text" | "output_text" | "text" => Content::Text(Text {
            text: part.text.ok_or_else(|| CodecError::missing(RESPONSES, "text"))?.into_words(),
            annotations: part.annotations.into_iter().flatten().map(decode_annotation).collect(),
            logprobs: decode_logprobs(part.logprobs.unwrap_or_default()),
        }),
        "refusal" => Content::Refusal(Refusal {
            text: part.refusal.map(Said::into_owned).unwrap_or_default(),
            logprobs: Vec::new(),
        }),
        "input_image" | "image_url" => decode_image(&part)?,
        "input_file" => decode_file(&part)?,
        "input_audio" => decode_audio(&part)?,
        _ => {
            let mut part = item_in::native(raw);
            part.extensions.set(RESPONSES, CONTENT, Json::of(&true));
            return Ok(part);
        }
    };
    Ok(Part { extensions: part.rest.into_extensions(RESPONSES), ..Part::new(content) })
}

fn media(kind: MediaKind, source: Source, detail: Option<&Str<'_>>) -> Media {
    Media {
        kind,
        source,
        media_type: None,
        name: None,
        detail: detail.map(|detail| detail.as_str().to_owned()),
        transcript: None,
    }
}

fn decode_image(part: &wire::Part<'_>) -> Result<Content, CodecError> {
    if let (Some(id), None) = (&part.file_id, part.image_url) {
        let source = Source::FileId(id.as_str().to_owned());
        return Ok(Content::Media(media(MediaKind::Image, source, part.detail.as_ref())));
    }
    let raw = part.image_url.ok_or_else(|| CodecError::missing(RESPONSES, "image_url"))?;
    let image = if raw.get().starts_with('{') {
        raw.parse(RESPONSES).map_err(|e| e.under("image_url"))?
    } else {
        wire::ImageUrl {
            url: Some(raw.parse(RESPONSES).map_err(|e| e.under("image_url"))?),
            ..wire::ImageUrl::default()
        }
    };
    let url = image.url.ok_or_else(|| CodecError::missing(RESPONSES, "image_url.url"))?;
    let detail = part.detail.as_ref().or(image.detail.as_ref());
    Ok(Content::Media(from_url(MediaKind::Image, url.into_owned(), detail)))
}

fn from_url(kind: MediaKind, url: String, detail: Option<&Str<'_>>) -> Media {
    if let Some((mime, data)) = split_data_url(&url) {
        let mut found = media(kind, Source::Base64(data.to_owned()), detail);
        found.media_type = Some(mime.to_owned()).filter(|mime| !mime.is_empty());
        return found;
    }
    media(kind, Source::Url(url), detail)
}

fn decode_file(part: &wire::Part<'_>) -> Result<Content, CodecError> {
    let detail = part.detail.as_ref();
    let mut file = match (&part.file_id, &part.file_data, &part.file_url) {
        (Some(id), _, _) => media(MediaKind::File, Source::FileId(id.as_str().to_owned()), detail),
        (None, Some(data), _) if data.as_str().starts_with("data:") => {
            from_url(MediaKind::File, data.as_str().to_owned(), detail)
        }
        (None, Some(data), _) => media(MediaKind::File, Source::Base64(data.as_str().to_owned()), detail),
        (None, None, Some(url)) => media(MediaKind::File, Source::Url(url.as_str().to_owned()), detail),
        (None, None, None) => return Err(CodecError::missing(RESPONSES, "file_data")),
    };
    file.name = part.filename.as_ref().map(|name| name.as_str().to_owned());
    Ok(Content::Media(file))
}

fn decode_audio(part: &wire::Part<'_>) -> Result<Content, CodecError> {
    let audio = part.input_audio.as_ref().ok_or_else(|| CodecError::missing(RESPONSES, "input_audio"))?;
    let data = audio.data.as_ref().ok_or_else(|| CodecError::missing(RESPONSES, "input_audio.data"))?;
    let mut found = media(MediaKind::Audio, Source::Base64(data.as_str().to_owned()), None);
    found.media_type = audio.format.as_ref().map(|f| format!("audio/{}", f.as_str()));
    Ok(Content::Media(found))
}

/// Whether an input has a part for it; else why not.
pub(super) fn expressible(media: &Media) -> Result<(), &'static str> {
    match (media.kind, &media.source) {
        (MediaKind::Video, _) => Err("no video in this dialect"),
        (MediaKind::Audio, Source::Url(_) | Source::FileId(_)) => Err("audio only as inline data"),
        (MediaKind::Image | MediaKind::Audio, Source::Text(_)) => Err("text is no such medium"),
        _ => Ok(()),
    }
}

/// Writes a medium that is [`expressible`] as the fields of a content part. `detail`: what to say if the source said nothing.
pub(super) fn encode_media(media: &Media, detail: Option<&str>, object: &mut Object<'_>) {
    let mime = media.media_type.as_deref();
    match (media.kind, &media.source) {
        (MediaKind::Audio, Source::Base64(data) | Source::Url(data) | Source::FileId(data)) => {
            object.put("type", "input_audio");
            object.object("input_audio", |audio| {
                audio.put("data", data);
                audio.opt("format", mime.map(audio_format));
            });
        }
        (MediaKind::Image | MediaKind::Video, source) => {
            object.put("type", "input_image");
            match source {
                Source::Base64(data) => object.put("image_url", &data_url(mime, data)),
                Source::FileId(id) => object.put("file_id", id),
                Source::Url(url) | Source::Text(url) => object.put("image_url", url),
            }
            object.opt("detail", media.detail.as_deref().or(detail));
        }
        (MediaKind::File | MediaKind::Audio, Source::Text(text)) => {
            object.put("type", "input_text");
            object.put("text", text);
        }
        (MediaKind::File, source) => {
            object.put("type", "input_file");
            match source {
                Source::FileId(id) => object.put("file_id", id),
                Source::Base64(data) if mime.is_some() => object.put("file_data", &data_url(mime, data)),
                Source::Base64(data) | Source::Text(data) => object.put("file_data", data),
                Source::Url(url) => object.put("file_url", url),
            }
            object.opt("filename", media.name.as_deref());
            object.opt("detail", media.detail.as_deref());
        }
    }
}

/// The API names audio formats by their common short name.
fn audio_format(mime: &str) -> &str {
    match mime {
        "audio/mpeg" => "mp3",
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        other => other.strip_prefix("audio/").unwrap_or(other),
    }
}

/// Writes a text as `output_text`, complete as the strict types of an answer want it.
pub(super) fn output_text(part: &Part, text: &Text, object: &mut Object<'_>, losses: &mut Losses) {
    object.put("type", "output_text");
    object.array("annotations", |list| {
        for annotation in &text.annotations {
            encode_annotation(annotation, list, losses);
        }
    });
    object.array("logprobs", |list| encode_logprobs(&text.logprobs, list));
    object.put("text", &text.text);
    object.fields_except(part.extensions.fields(RESPONSES), &[ITEM]);
}

/// Reads a citation; the raw object is kept.
pub(super) fn decode_annotation(raw: Raw<'_>) -> Annotation {
    let cited = raw.read::<wire::Annotation<'_>>().unwrap_or_default();
    Annotation {
        url: cited.url.map(Str::into_owned),
        title: cited.title.or(cited.filename).map(Str::into_owned),
        file_id: cited.file_id.map(Str::into_owned),
        quote: None,
        start: cited.start_index.or(cited.index).map(|n| n.0),
        end: cited.end_index.map(|n| n.0),
        native: Some(Native { dialect: RESPONSES, raw: Json::from(raw) }),
    }
}

/// Writes a citation: its own words if they are this dialect's, else what it cites, a web address or a stored file.
pub(super) fn encode_annotation(annotation: &Annotation, list: &mut Array<'_>, losses: &mut Losses) {
    let native = annotation.native.as_ref();
    if let Some(native) = native.filter(|native| native.dialect == RESPONSES) {
        return list.raw(&native.raw);
    }
    losses.unless_absent(annotation.quote.as_ref(), "annotations.quote", "no place for quotes");
    let title = annotation.title.as_deref().unwrap_or_default();
    let start = annotation.start.unwrap_or(0);
    match (&annotation.url, &annotation.file_id) {
        (Some(url), _) => list.object(|object| {
            object.put("type", "url_citation");
            // The API has no unknown span; an empty one at the start says nothing false.
            object.put("start_index", &start);
            object.put("end_index", &annotation.end.unwrap_or(start));
            object.put("url", url);
            object.put("title", title);
        }),
        (None, Some(id)) => list.object(|object| {
            object.put("type", "file_citation");
            object.put("file_id", id);
            object.put("filename", title);
            object.put("index", &start);
        }),
        (None, None) => losses.dropped("annotations", "cites neither an address nor a file"),
    }
}

/// Reads a list of tokens.
pub(super) fn decode_logprobs(tokens: Vec<wire::Token<'_>>) -> Vec<TokenLogprob> {
    let one = |token: wire::Token<'_>| TokenLogprob {
        token: token.token.map(Str::into_owned).unwrap_or_default(),
        logprob: token.logprob.unwrap_or_default(),
        bytes: token.bytes,
        top: token
            .top_logprobs
            .into_iter()
            .flatten()
            .map(|top| TopLogprob {
                token: top.token.map(Str::into_owned).unwrap_or_default(),
                logprob: top.logprob.unwrap_or_default(),
                bytes: top.bytes,
            })
            .collect(),
    };
    tokens.into_iter().map(one).collect()
}

/// Writes tokens into a list. The strict types demand `bytes`; where the source left them out, they are the token's own.
pub(super) fn encode_logprobs(tokens: &[TokenLogprob], list: &mut Array<'_>) {
    let entry = |object: &mut Object<'_>, token: &str, bytes: Option<&[u8]>, logprob: f64| {
        object.put("token", token);
        object.put("bytes", bytes.unwrap_or(token.as_bytes()));
        object.put("logprob", &logprob);
    };
    for token in tokens {
        list.object(|object| {
            entry(object, &token.token, token.bytes.as_deref(), token.logprob);
            object.array("top_logprobs", |tops| {
                for top in &token.top {
                    tops.object(|object| entry(object, &top.token, top.bytes.as_deref(), top.logprob));
                }
            });
        });
    }
}

//! Canonical parts to parts of contents and candidates.
use std::borrow::Cow;

use super::{GEMINI, part_in::THOUGHT};
use crate::{
    canon::{CallKind, Content, Fields, Json, Media, Part, Reasoning, Refusal, Sealed, Source, ToolCall},
    codec::{Array, Object, Put, carried, pack_base64, split_data_url},
    loss::Losses,
};

/// The signature of a part, if Gemini made it.
pub(super) fn own_seal(part: &Part) -> Option<&Sealed> {
    part.signature.as_ref().filter(|sealed| sealed.dialect == GEMINI)
}

/// Signature and unknown fields of a part. `inside`: names of unknown fields that were written inside the part's data.
fn tail(part: &Part, inside: &[&str], object: &mut Object<'_>) {
    object.opt("thoughtSignature", own_seal(part).map(|sealed| &sealed.data));
    let own = part.extensions.fields(GEMINI);
    for (key, value) in own.into_iter().flat_map(Fields::iter) {
        if !inside.contains(&key) && !key.starts_with("lip_") {
            object.field(key, value);
        }
    }
}

/// Unknown fields of the object that is the part's data.
pub(super) fn inner(part: &Part, name: &str, object: &mut Object<'_>) {
    let fields = part.extensions.get(GEMINI, name).and_then(Json::read::<Fields>);
    object.fields(fields.as_ref());
}

/// What no spelling of a part can carry.
pub(super) fn note(part: &Part, path: impl Fn() -> String, losses: &mut Losses) {
    if part.signature.is_some() && own_seal(part).is_none() {
        losses.dropped(path() + ".signature", "signature of another dialect");
    }
    if part.cache.is_some() {
        losses.dropped(path() + ".cache", "no cache marks in this dialect");
    }
    if !part.extensions.is_empty() {
        losses.foreign(&part.extensions, GEMINI, path() + ".");
    }
}

/// Writes a text part.
pub(super) fn text(part: &Part, text: &(impl Put + ?Sized), list: &mut Array<'_>) {
    list.object(|object| {
        object.put("text", text);
        tail(part, &[], object);
    });
}

/// Writes a thought.
pub(super) fn thought(part: &Part, reasoning: &Reasoning, list: &mut Array<'_>) {
    list.object(|object| {
        object.put("text", &reasoning.readable().unwrap_or_default());
        object.put(THOUGHT, &true);
        tail(part, &[], object);
    });
}

/// Writes a call. `marker` stands in for a signature that the history does not have.
pub(super) fn call(
    part: &Part,
    call: &ToolCall,
    (id, marker): (Option<&str>, Option<&str>),
    args: Option<&str>,
    list: &mut Array<'_>,
) {
    list.object(|object| {
        object.object("functionCall", |object| {
            object.opt("id", id);
            object.put("name", &call.name);
            if let Some(args) = args {
                object.raw("args", args);
            }
            inner(part, "functionCall", object);
        });
        object.opt("thoughtSignature", marker);
        tail(part, &["functionCall"], object);
    });
}

/// The object that a call's arguments are: as the model wrote them, `{}` for none, wrapped if they are no object. `None`: none were given, none are written.
pub(super) fn arguments<'c>(
    call: &'c ToolCall,
    own: bool,
    path: &str,
    losses: &mut Losses,
) -> Option<Cow<'c, str>> {
    let text = call.arguments.trim();
    if call.kind == CallKind::Custom {
        losses.changed(format!("{path}.arguments"), "free text became the argument \"input\"");
        return Some(Cow::Owned(wrapped("input", &call.arguments)));
    }
    if text.is_empty() {
        return if own { None } else { Some(Cow::Borrowed("{}")) };
    }
    if text.starts_with('{') && Json::parse(text).is_some() {
        return Some(Cow::Borrowed(text));
    }
    losses.changed(format!("{path}.arguments"), "no json object: wrapped into one");
    Some(Cow::Owned(wrapped("_raw_arguments", &call.arguments)))
}

fn wrapped(key: &str, text: &str) -> String {
    format!("{{{}:{}}}", Json::of(key).get(), Json::of(text).get())
}

/// Writes what only Gemini understands.
pub(super) fn native(part: &Part, raw: &Json, list: &mut Array<'_>) {
    let fields = raw.read::<Fields>();
    list.object(|object| {
        object.fields(fields.as_ref());
        tail(part, &[], object);
    });
}

/// Whether Gemini has a part for it; else why not.
pub(super) fn expressible(media: &Media) -> Result<(), &'static str> {
    match &media.source {
        Source::FileId(_) => Err("file stored at another provider"),
        Source::Url(url) if url.starts_with("data:") && inline(url).is_none() => {
            Err("data url without base64")
        }
        _ => Ok(()),
    }
}

/// Writes a medium that is [`expressible`].
pub(super) fn media(
    part: &Part,
    media: &Media,
    own: bool,
    (path, losses): (&str, &mut Losses),
    list: &mut Array<'_>,
) {
    if !own {
        losses.unless_absent(media.name.as_ref(), format_args!("{path}.name"), "no names of inline files");
        let detail = media.detail.as_ref().filter(|detail| *detail != "auto");
        losses.unless_absent(detail, format_args!("{path}.detail"), "no detail per image");
    }
    let name = media.name.as_deref().filter(|_| own);
    list.object(|object| {
        match &media.source {
            Source::Text(text) => object.put("text", text),
            Source::Base64(data) => {
                let mime = media.media_type.as_deref().or_else(|| sniffed(data));
                blob(part, (mime, data, name), (path, losses), object);
            }
            Source::Url(url) | Source::FileId(url) => match inline(url) {
                Some((mime, data)) => {
                    let mime = Some(mime).filter(|mime| !mime.is_empty());
                    let mime = mime.or(media.media_type.as_deref()).or_else(|| sniffed(data));
                    blob(part, (mime, data, name), (path, losses), object);
                }
                None => object.object("fileData", |object| {
                    let mime =
                        media.media_type.as_deref().or_else(|| if own { None } else { by_extension(url) });
                    object.opt("mimeType", mime);
                    object.put("fileUri", url);
                    object.opt("displayName", name);
                    inner(part, "fileData", object);
                }),
            },
        }
        tail(part, &["inlineData", "fileData"], object);
    });
}

fn blob(
    part: &Part,
    (mime, data, name): (Option<&str>, &str, Option<&str>),
    (path, losses): (&str, &mut Losses),
    object: &mut Object<'_>,
) {
    if mime.is_none() {
        losses.changed(format!("{path}.media_type"), "not known; the api asks for one");
    }
    object.object("inlineData", |object| {
        object.opt("mimeType", mime);
        object.put("data", data);
        object.opt("displayName", name);
        inner(part, "inlineData", object);
    });
}

/// MIME type and base64 of a `data:` URL, parameters of the type left out.
fn inline(url: &str) -> Option<(&str, &str)> {
    split_data_url(url).or_else(|| {
        let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
        let mime = head.strip_suffix(";base64")?.split(';').next()?;
        Some((mime, data))
    })
}

/// The type of a file by the first bytes of its base64.
fn sniffed(base64: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 6] = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi0", "application/pdf"),
        ("SUQz", "audio/mpeg"),
    ];
    KNOWN.iter().find(|(head, _)| base64.starts_with(head)).map(|(_, mime)| *mime)
}

/// The type of a file by its address.
fn by_extension(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        _ => return None,
    })
}

/// The part as a client sees it: a thought that another dialect sealed carries that seal in Gemini's place for seals.
pub(super) fn carrying(part: &Part) -> Cow<'_, Part> {
    let Content::Reasoning(thought) = &part.content else {
        return Cow::Borrowed(part);
    };
    let Some((sealed, seals)) = carried(part, thought, GEMINI).filter(|_| own_seal(part).is_none()) else {
        return Cow::Borrowed(part);
    };
    let signature = Some(Sealed { dialect: GEMINI, data: pack_base64(sealed, seals) });
    Cow::Owned(Part { signature, ..part.clone() })
}

/// Writes a part of an answer; what has no place there is noted.
pub(super) fn answer(part: &Part, own: bool, (path, losses): (&str, &mut Losses), list: &mut Array<'_>) {
    let part = &*carrying(part);
    note(part, || path.to_owned(), losses);
    match &part.content {
        Content::Text(inner) => text(part, &inner.text, list),
        Content::Reasoning(reasoning) if is_hidden(part, reasoning) => {
            losses.dropped(path, "sealed reasoning of another dialect");
        }
        Content::Reasoning(reasoning) => thought(part, reasoning, list),
        Content::Refusal(Refusal { text: words, .. }) => {
            losses.changed(path, "refusal became text");
            text(part, words.as_str(), list);
        }
        Content::ToolCall(inner) if matches!(inner.kind, CallKind::Builtin(_)) => {
            losses.dropped(path, "built-in call of another dialect");
        }
        Content::ToolCall(inner) => {
            losses.unless_absent(
                inner.namespace.as_ref(),
                format_args!("{path}.namespace"),
                "no namespaces in this dialect",
            );
            let args = arguments(inner, own, path, losses);
            call(part, inner, (inner.id.as_deref(), None), args.as_deref(), list);
        }
        Content::Media(medium) => match expressible(medium) {
            Ok(()) => {
                let transcript = medium.transcript.as_ref();
                losses.unless_absent(
                    transcript,
                    format_args!("{path}.transcript"),
                    "no transcripts in this dialect",
                );
                media(part, medium, own, (path, losses), list);
            }
            Err(why) => losses.dropped(path, why),
        },
        Content::Native(inner) if inner.dialect == GEMINI => native(part, &inner.raw, list),
        Content::Native(_) | Content::ToolResult(_) => losses.dropped(path, "no place in an answer"),
    }
}

/// Whether there is nothing of a thought that Gemini's clients could see or send back.
fn is_hidden(part: &Part, reasoning: &Reasoning) -> bool {
    reasoning.readable().is_none() && own_seal(part).is_none()
}

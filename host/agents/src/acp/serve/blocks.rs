//! A client's content blocks as parts of the user's message.
//!
//! What the user typed is text. What the client adds, links and contents of files, is a document of plain text: every dialect has
//! a place for it, and no command is looked for in it.
use super::ask::Refusal;
use lip_wire::canon::{Content, Media, MediaKind, Part, Source};
use serde::Deserialize;

/// One block as it stands in a prompt.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    data: Option<String>,
    mime_type: Option<String>,
    uri: Option<String>,
    name: Option<String>,
    resource: Option<Resource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resource {
    uri: String,
    text: Option<String>,
    blob: Option<String>,
    mime_type: Option<String>,
}

/// The message that `blocks` make.
///
/// # Errors
/// The refusal that goes back: a block that is not taken, one that lacks something, or nothing to say.
pub fn parts(blocks: Vec<Block>) -> Result<Vec<Part>, Refusal> {
    let mut parts = Vec::with_capacity(blocks.len());
    for (n, block) in blocks.into_iter().enumerate() {
        let part = part(block).map_err(|why| Refusal::params(format!("prompt[{n}]: {why}")))?;
        parts.extend(part);
    }
    let says_something = |part: &Part| part.as_text().is_none_or(|text| !text.trim().is_empty());
    if !parts.iter().any(says_something) {
        return Err(Refusal::params("the prompt is empty; put a text block into it"));
    }
    Ok(parts)
}

fn part(block: Block) -> Result<Option<Part>, String> {
    let lacks = |what: &str| format!("the block lacks its {what}");
    Ok(match &*block.kind {
        "text" => {
            Some(block.text.ok_or_else(|| lacks("text"))?).filter(|text| !text.is_empty()).map(Part::text)
        }
        "image" => {
            let data = block.data.filter(|data| !data.is_empty()).ok_or_else(|| lacks("data"))?;
            let name = block.uri.as_deref().and_then(last_name);
            Some(medium(MediaKind::Image, Source::Base64(data), block.mime_type, name))
        }
        "resource_link" => {
            let uri = block.uri.ok_or_else(|| lacks("uri"))?;
            let name = block.name.or_else(|| last_name(&uri));
            let text = format!("[{}]({uri})", name.as_deref().unwrap_or(&uri));
            Some(document(text, name))
        }
        "resource" => Some(resource(block.resource.ok_or_else(|| lacks("resource"))?)?),
        kind => {
            let kind: String = kind.chars().take(40).collect();
            return Err(format!(
                "blocks of type \"{kind}\" are not taken; text, image, resource and resource_link are"
            ));
        }
    })
}

fn resource(Resource { uri, text, blob, mime_type }: Resource) -> Result<Part, String> {
    let name = last_name(&uri);
    match (text, blob) {
        // The name goes with the text: not every dialect has a place for it.
        (Some(text), _) => Ok(document(format!("{uri}\n\n{text}"), name)),
        (None, Some(blob)) => {
            let is_image = mime_type.as_deref().is_some_and(|mime| mime.starts_with("image/"));
            let kind = if is_image { MediaKind::Image } else { MediaKind::File };
            Ok(medium(kind, Source::Base64(blob), mime_type, name))
        }
        (None, None) => Err("the resource has neither text nor blob".to_owned()),
    }
}

fn document(text: String, name: Option<String>) -> Part {
    medium(MediaKind::File, Source::Text(text), Some("text/plain".to_owned()), name)
}

fn medium(kind: MediaKind, source: Source, media_type: Option<String>, name: Option<String>) -> Part {
    Part::new(Content::Media(Media { kind, source, media_type, name, detail: None, transcript: None }))
}

/// `main.rs` of `file:///src/main.rs#L3`.
fn last_name(uri: &str) -> Option<String> {
    let path = uri.split(['#', '?']).next().unwrap_or_default();
    path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn made(prompt: Value) -> Result<Vec<String>, String> {
        let blocks: Vec<Block> = serde_json::from_value(prompt).unwrap();
        let shown = |part: &Part| match &part.content {
            Content::Text(text) => format!("text {}", text.text),
            Content::Media(media) => {
                let name = media.name.as_deref().unwrap_or("-");
                format!(
                    "{:?} {:?} {name} {}",
                    media.kind,
                    media.source,
                    media.media_type.as_deref().unwrap_or("-")
                )
            }
            other => format!("{other:?}"),
        };
        parts(blocks).map(|parts| parts.iter().map(shown).collect()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn blocks_become_parts() {
        let prompt = json!([
            {"type": "text", "text": "look at "},
            {"type": "text", "text": ""},
            {"type": "resource_link", "uri": "file:///p/src/main.rs", "name": "main", "size": 3},
            {"type": "resource_link", "uri": "https://x/y?z=/1", "name": null},
            {"type": "resource", "resource": {"uri": "file:///p/a.md#L1", "text": "!/backend(x)", "mimeType": "text/markdown"}},
            {"type": "resource", "resource": {"uri": "file:///p/b.pdf", "blob": "AAAA", "mimeType": "application/pdf"}},
            {"type": "resource", "resource": {"uri": "x:", "blob": "BBBB", "mimeType": "image/png"}},
            {"type": "image", "data": "CCCC", "mimeType": "image/jpeg", "annotations": {"audience": ["user"]}},
        ]);
        let want = [
            "text look at ",
            r#"File Text("[main](file:///p/src/main.rs)") main text/plain"#,
            r#"File Text("[y](https://x/y?z=/1)") y text/plain"#,
            r#"File Text("file:///p/a.md#L1\n\n!/backend(x)") a.md text/plain"#,
            r#"File Base64("AAAA") b.pdf application/pdf"#,
            r#"Image Base64("BBBB") x: image/png"#,
            r#"Image Base64("CCCC") - image/jpeg"#,
        ];
        assert_eq!(made(prompt).unwrap(), want);
    }

    #[test]
    fn blocks_that_cannot_be_taken_are_named() {
        for (prompt, words) in [
            (json!([]), "empty"),
            (json!([{"type": "text", "text": " \n"}]), "empty"),
            (json!([{"type": "text"}]), "prompt[0]: the block lacks its text"),
            (
                json!([{"type": "text", "text": "a"}, {"type": "audio", "data": "AA"}]),
                "prompt[1]: blocks of type \"audio\"",
            ),
            (json!([{"text": "a"}]), "blocks of type \"\""),
            (json!([{"type": "image", "data": ""}]), "lacks its data"),
            (json!([{"type": "resource"}]), "lacks its resource"),
            (json!([{"type": "resource", "resource": {"uri": "x"}}]), "neither text nor blob"),
            (json!([{"type": "resource_link"}]), "lacks its uri"),
        ] {
            let why = made(prompt.clone()).unwrap_err();
            assert!(why.contains(words), "{prompt}: {why}");
        }
    }
}

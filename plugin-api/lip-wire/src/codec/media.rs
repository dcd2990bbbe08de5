//! `data:` URLs ⇄ MIME type and base64.

/// `data:<mime>;base64,<data>` in its plain form; `None` for any other URL (also `data:` URLs with parameters or without base64).
pub(crate) fn split_data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    if mime.contains(';') { None } else { Some((mime, data)) }
}

/// The `data:` URL of base64 data.
pub(crate) fn data_url(mime: Option<&str>, data: &str) -> String {
    format!("data:{};base64,{data}", mime.unwrap_or_default())
}

//! Server-sent events, read from whole bodies. Source: WHATWG HTML, "Server-sent events".

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) name: Option<String>,
    pub(crate) data: String,
}

/// The events of a body; comments are none, and an event without its blank line is not one yet.
pub(crate) fn frames(body: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    let (mut name, mut data): (Option<String>, Option<String>) = (None, None);
    let body = body.strip_prefix('\u{feff}').unwrap_or(body).replace("\r\n", "\n").replace('\r', "\n");
    for line in body.split('\n') {
        if line.is_empty() {
            if let Some(data) = data.take() {
                frames.push(Frame { name: name.take(), data });
            }
            name = None;
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = Some(value.to_owned()),
            "data" => match &mut data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => data = Some(value.to_owned()),
            },
            _ => {}
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_at_blank_lines() {
        let body = "\u{feff}: hi\r\n\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata: x\nid: 7\n\nevent: lost\n\ndata: cut";
        let frame =
            |name: Option<&str>, data: &str| Frame { name: name.map(str::to_owned), data: data.to_owned() };
        assert_eq!(frames(body), [frame(Some("a"), "1\n2"), frame(None, "x")]);
    }
}

//! A conversation as the upstream sees it: only ever longer, its messages written once. Not the client but the agent remembers here.
use lip_wire::canon::{Part, Role};
use serde::Serialize;
use serde_json::json;

/// The messages so far, as JSON with commas between them.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Vec<u8>);

#[derive(Serialize)]
struct Message<'a> {
    role: Role,
    parts: &'a [Part],
}

impl Transcript {
    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Adds a message; one of no parts is none.
    pub fn add(&mut self, role: Role, parts: &[Part]) {
        if parts.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(b',');
        }
        // Into memory, and every key is a text: cannot fail.
        let _ = serde_json::to_writer(&mut self.0, &Message { role, parts });
    }

    /// The body of a request in dialect `lip`: all so far, and `parts` of the user. `project_dir` is for backends that work in one.
    pub fn body(&self, model: &str, project_dir: &str, parts: &[Part]) -> Vec<u8> {
        let mut turns = self.clone();
        turns.add(Role::User, parts);
        let head = json!({
            "model": model, "stream": true, "stream_options": {"include_usage": true}, "project_dir": project_dir,
        });
        let mut body = head.to_string().into_bytes();
        body.pop();
        body.extend_from_slice(b",\"turns\":[");
        body.append(&mut turns.0);
        body.extend_from_slice(b"]}");
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use lip_wire::Dialect;
    use lip_wire::canon::{Request, Turn};
    use lip_wire::lens;

    #[test]
    fn conversation_grows_and_its_beginning_stays() {
        let mut transcript = Transcript::default();
        let first = transcript.body("a:b|c:\"d\"", "/p", &[Part::text("one \u{7}\"")]);
        transcript.add(Role::User, &[Part::text("one \u{7}\"")]);
        transcript.add(Role::Assistant, &[]);
        transcript.add(Role::Assistant, &[Part::text("two")]);
        let second = transcript.body("a:b|c:\"d\"", "/p", &[Part::text("three")]);
        let common = first.len() - "]}".len();
        assert_eq!(first[..common], second[..common], "append-only");

        let request: Request = serde_json::from_slice(&second).unwrap();
        let want = [
            Turn::new(Role::User, vec![Part::text("one \u{7}\"")]),
            Turn::new(Role::Assistant, vec![Part::text("two")]),
            Turn::new(Role::User, vec![Part::text("three")]),
        ];
        assert_eq!(request.turns, want);
        assert_eq!((request.model.as_str(), request.stream), ("a:b|c:\"d\"", Some(true)));
        let lens = lens::scan(Dialect::Lip, &Bytes::from(second)).unwrap();
        assert_eq!(lens.newest_user(), Some(2));
    }
}

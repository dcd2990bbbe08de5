//! Edits the top level of a JSON object as text: every byte that no edit names stays as it is. Knows no field.
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A JSON object whose members can be replaced, renamed, removed and added.
///
/// ```
/// let mut body = lip_plugin::Object::read(r#"{"model": "m", "n": 1e0}"#).ok_or("no object")?;
/// body.set("model", r#""other""#.to_owned());
/// body.set_default("stream", true);
/// assert_eq!(body.write().as_deref(), Some(r#"{"model": "other", "n": 1e0,"stream":true}"#));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
    added: Vec<(String, String)>,
    is_changed: bool,
}

#[derive(Debug)]
struct Member<'a> {
    key: Cow<'a, str>,
    key_at: Range<usize>,
    value_at: Range<usize>,
    new_key: Option<String>,
    new_value: Option<String>,
    is_gone: bool,
}

impl<'a> Object<'a> {
    /// Reads `text`; `None` when it is no JSON object.
    pub fn read(text: &'a str) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let pairs = reader.deserialize_map(Pairs).ok()?;
        reader.end().ok()?;
        let mut members = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            members.push(Member {
                key: unescaped(key.get())?,
                key_at: place(text, key.get()),
                value_at: place(text, value.get()),
                new_key: None,
                new_value: None,
                is_gone: false,
            });
        }
        Some(Self { text, members, added: Vec::new(), is_changed: false })
    }

    /// The value of `key` as JSON text, with the edits so far.
    pub fn get(&self, key: &str) -> Option<&str> {
        let added = || self.added.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let member = self.members.iter().rfind(|member| member.is(key));
        match member {
            None => added(),
            Some(member) => member.new_value.as_deref().or_else(|| self.text.get(member.value_at.clone())),
        }
    }

    /// The value of `key` if it is a text.
    pub fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.get(key)?).ok()
    }

    /// Takes every member away that `stays` does not want.
    pub fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        for member in self.members.iter_mut().filter(|member| !member.is_gone) {
            member.is_gone = !stays(member.name());
            self.is_changed |= member.is_gone;
        }
        self.added.retain(|(key, _)| stays(key));
    }

    /// Gives `key` the value `json`, in its place or at the end.
    pub fn set(&mut self, key: &str, json: String) {
        if self.get(key) == Some(&json) {
            return;
        }
        self.is_changed = true;
        match self.members.iter_mut().rfind(|member| member.is(key)) {
            Some(member) => member.new_value = Some(json),
            None => {
                self.added.retain(|(name, _)| name != key);
                self.added.push((key.to_owned(), json));
            }
        }
    }

    /// Gives `key` the value `json` if there is no such member.
    pub fn set_default(&mut self, key: &str, json: impl fmt::Display) {
        if self.get(key).is_none() {
            self.set(key, json.to_string());
        }
    }

    /// Takes `key` away.
    pub fn remove(&mut self, key: &str) {
        for member in self.members.iter_mut().filter(|member| member.is(key)) {
            member.is_gone = true;
            self.is_changed = true;
        }
        let before = self.added.len();
        self.added.retain(|(name, _)| name != key);
        self.is_changed |= before != self.added.len();
    }

    /// Renames `from` to `to`; takes it away where `to` is there already.
    pub fn rename(&mut self, from: &str, to: &str) {
        if from == to || self.get(from).is_none() {
            return;
        }
        if self.get(to).is_some() {
            return self.remove(from);
        }
        for member in self.members.iter_mut().filter(|member| member.is(from)) {
            member.new_key = Some(to.to_owned());
            self.is_changed = true;
        }
    }

    /// The edited text; `None` when no edit changed anything.
    pub fn write(&self) -> Option<String> {
        if !self.is_changed {
            return None;
        }
        let part = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let open = self.text.find('{').unwrap_or_default() + 1;
        let mut out = String::with_capacity(self.text.len() + 64);
        out.push_str(part(0..open));
        let (mut is_first, mut end) = (true, open);
        for member in &self.members {
            let lead = part(end..member.key_at.start);
            end = member.value_at.end;
            if member.is_gone {
                continue;
            }
            let after_comma = || lead.split_once(',').map_or(lead, |(_, rest)| rest);
            out.push_str(if is_first { after_comma() } else { lead });
            is_first = false;
            match &member.new_key {
                Some(key) => push_text(&mut out, key),
                None => out.push_str(part(member.key_at.clone())),
            }
            out.push_str(part(member.key_at.end..member.value_at.start));
            match &member.new_value {
                Some(value) => out.push_str(value),
                None => out.push_str(part(member.value_at.clone())),
            }
        }
        for (key, value) in &self.added {
            if !is_first {
                out.push(',');
            }
            is_first = false;
            push_text(&mut out, key);
            out.push(':');
            out.push_str(value);
        }
        out.push_str(part(end..self.text.len()));
        Some(out)
    }
}

impl Member<'_> {
    fn name(&self) -> &str {
        self.new_key.as_deref().unwrap_or(&self.key)
    }

    fn is(&self, key: &str) -> bool {
        !self.is_gone && self.name() == key
    }
}

/// Edits the elements of the JSON list `text`; `None` when it is no list or nothing changed.
pub fn edit_elements(text: &str, edit: impl Fn(&str) -> Option<String>) -> Option<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let (mut out, mut end) = (None::<String>, 0);
    for element in elements {
        let Some(new) = edit(element.get()) else { continue };
        let at = place(text, element.get());
        let out = out.get_or_insert_with(|| String::with_capacity(text.len() + 64));
        out.push_str(text.get(end..at.start).unwrap_or_default());
        out.push_str(&new);
        end = at.end;
    }
    let mut out = out?;
    out.push_str(text.get(end..).unwrap_or_default());
    Some(out)
}

/// Where `part`, a piece of `text`, stands in it.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start + part.len()
}

fn unescaped(key: &str) -> Option<Cow<'_, str>> {
    match key.strip_prefix('"')?.strip_suffix('"')? {
        plain if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        // A lone surrogate has no text: such a key is none that anybody looks for.
        _ => Some(Cow::Owned(serde_json::from_str(key).unwrap_or_default())),
    }
}

fn push_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::with_capacity(16);
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::{Object, edit_elements};
    use serde_json::Value;

    const BODY: &str = " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n";

    fn edited(text: &str, edit: impl FnOnce(&mut Object<'_>)) -> Option<String> {
        let mut object = Object::read(text).expect("an object");
        edit(&mut object);
        object.write()
    }

    #[test]
    fn no_edit_is_no_change() {
        assert_eq!(edited(BODY, |_| {}), None);
        assert_eq!(edited(BODY, |o| o.set("a", "1e2".to_owned())), None);
        assert_eq!(edited(BODY, |o| (o.remove("z"), o.rename("z", "y"), o.set_default("b", 1)).2), None);
    }

    #[test]
    fn edits_keep_all_other_bytes() {
        type Edit = fn(&mut Object<'_>);
        let cases: [(Edit, &str); 8] = [
            (
                |o| o.set("a", "2".to_owned()),
                " { \"a\" : 2 ,\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n",
            ),
            (|o| o.remove("a"), " {\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n"),
            (|o| o.remove("b"), " { \"a\" : 1e2\n, \"c\\u0064\": \"x,}\" } \n"),
            (|o| o.remove("cd"), " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}] } \n"),
            (|o| o.rename("cd", "e\"f"), " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}]\n, \"e\\\"f\": \"x,}\" } \n"),
            (|o| o.rename("a", "b"), " {\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\" } \n"),
            (
                |o| o.set_default("d", true),
                " { \"a\" : 1e2 ,\"b\":[1, {\"a\":2}]\n, \"c\\u0064\": \"x,}\",\"d\":true } \n",
            ),
            (|o| ["a", "b", "cd"].iter().for_each(|k| o.remove(k)), " { } \n"),
        ];
        for (edit, want) in cases {
            assert_eq!(edited(BODY, edit).as_deref(), Some(want));
        }
    }

    #[test]
    fn every_subset_of_removals_and_an_addition_is_valid() {
        let keys = ["a", "b", "cd"];
        for set in 0..8_u8 {
            let gone: Vec<&str> =
                keys.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, k)| *k).collect();
            let text = edited(BODY, |o| {
                gone.iter().for_each(|key| o.remove(key));
                o.set("new", "null".to_owned());
            });
            let mut want: Value = serde_json::from_str(BODY).expect("JSON");
            let object = want.as_object_mut().expect("an object");
            gone.iter().for_each(|key| drop(object.remove(*key)));
            object.insert("new".to_owned(), Value::Null);
            let got: Value = serde_json::from_str(&text.expect("a change")).expect("JSON");
            assert_eq!(got, want, "without {gone:?}");
        }
    }

    #[test]
    fn edits_see_earlier_edits() {
        let text = edited("{}", |o| {
            o.set("a", "1".to_owned());
            o.set("a", "2".to_owned());
            o.set("b", "3".to_owned());
            o.remove("b");
            assert_eq!((o.get("a"), o.get("b")), (Some("2"), None));
        });
        assert_eq!(text.as_deref(), Some("{\"a\":2}"));
        let text = edited("{\"a\":1,\"a\":2}", |o| {
            o.rename("a", "b");
            assert_eq!((o.get("a"), o.get("b")), (None, Some("2")));
            o.remove("b");
        });
        assert_eq!(text.as_deref(), Some("{}"));
    }

    #[test]
    fn other_json_is_no_object() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "[]", "7", "null", "{\"a\"}", "{\"a\":}", "{\"a\":1", deep.as_str()] {
            assert!(Object::read(text).is_none(), "{}", text.len());
        }
        assert!(Object::read("{\"\\ud800\": 1}").is_some_and(|o| o.write().is_none()));
    }

    #[test]
    fn elements_change_in_place() {
        let text = " [ {\"r\":1} , 2,\n[3] ] ";
        let one = |from: &'static str, to: &'static str| {
            edit_elements(text, move |e| (e == from).then(|| to.to_owned()))
        };
        assert_eq!(one("2", "two").as_deref(), Some(" [ {\"r\":1} , two,\n[3] ] "));
        assert_eq!(one("[3]", "").as_deref(), Some(" [ {\"r\":1} , 2,\n ] "));
        assert_eq!(one("9", ""), None);
        assert_eq!(edit_elements("{}", |_| Some(String::new())), None);
    }

    #[test]
    fn retain_takes_own_and_added_members() {
        let text = edited("{\"a\":1, \"b\":2,\"c\":3}", |o| {
            o.set("d", "4".to_owned());
            o.set("e", "5".to_owned());
            o.rename("a", "z");
            o.retain(|key| ["z", "c", "e"].contains(&key));
        });
        assert_eq!(text.as_deref(), Some("{\"z\":1,\"c\":3,\"e\":5}"));
        assert_eq!(edited(BODY, |o| o.retain(|_| true)), None);
    }
}

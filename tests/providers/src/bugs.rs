//! Seeded bugs: what a wrong connector would send. They stand between the host and the strict provider, which must notice.
use serde_json::Value;
use stage::Recorded;

/// A corruption of requests.
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    corrupt: fn(&mut Recorded),
}

impl Bug {
    pub(crate) const fn new(name: &'static str, corrupt: fn(&mut Recorded)) -> Self {
        Self { name, corrupt }
    }

    pub(crate) fn corrupted(&self, request: &Recorded) -> Recorded {
        let mut request = request.clone();
        (self.corrupt)(&mut request);
        request
    }
}

/// Every row is tried with each of them.
pub(crate) const BUGS: &[Bug] = &[
    Bug { name: "wrong path", corrupt: |request| request.target = request.target.replacen('/', "/v0/", 1) },
    Bug { name: "wrong version or place of the API", corrupt: |request| request.target.push('s') },
    Bug { name: "key in another header", corrupt: another_key_header },
    Bug { name: "key without its prefix, or with one too many", corrupt: another_prefix },
    Bug { name: "header of another service", corrupt: |request| header(request, "x-of-another", "1") },
    Bug { name: "dropped system text", corrupt: |request| body(request, drop_system) },
    Bug { name: "dropped limit of output", corrupt: |request| body(request, drop_limit) },
    Bug { name: "dropped tools", corrupt: |request| body(request, |body| remove(body, "tools")) },
    Bug {
        name: "field of another dialect",
        corrupt: |request| body(request, |body| body["top_n"] = 1.into()),
    },
    Bug { name: "another model", corrupt: another_model },
];

fn header(request: &mut Recorded, name: &str, value: &str) {
    request.headers.push((name.to_owned(), value.to_owned()));
}

const KEYS: [&str; 3] = ["authorization", "x-api-key", "x-goog-api-key"];

fn key(request: &mut Recorded) -> Option<&mut (String, String)> {
    request.headers.iter_mut().find(|(name, _)| KEYS.contains(&name.to_ascii_lowercase().as_str()))
}

fn another_key_header(request: &mut Recorded) {
    match key(request) {
        Some((name, _)) => *name = "api-key".to_owned(),
        // A row without a key must not get one.
        None => header(request, "authorization", "Bearer sk-somebody"),
    }
}

fn another_prefix(request: &mut Recorded) {
    match key(request) {
        Some((_, value)) => {
            *value = value.strip_prefix("Bearer ").map_or_else(|| format!("Bearer {value}"), str::to_owned);
        }
        None => header(request, "authorization", "sk-somebody"),
    }
}

fn body(request: &mut Recorded, change: impl Fn(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) {
        change(&mut body);
        request.body = body.to_string().into_bytes();
        let length = request.body.len().to_string();
        for (name, value) in &mut request.headers {
            if name.eq_ignore_ascii_case("content-length") {
                value.clone_from(&length);
            }
        }
    }
}

fn remove(body: &mut Value, key: &str) {
    if let Some(members) = body.as_object_mut() {
        members.remove(key);
    }
}

fn drop_system(body: &mut Value) {
    for key in ["system", "instructions", "systemInstruction"] {
        remove(body, key);
    }
    for list in ["messages", "input"] {
        if let Some(messages) = body.get_mut(list).and_then(Value::as_array_mut) {
            messages.retain(|message| message["role"] != "system" && message["role"] != "developer");
        }
    }
}

fn drop_limit(body: &mut Value) {
    for key in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
        remove(body, key);
    }
    for (place, key) in [("generationConfig", "maxOutputTokens"), ("options", "num_predict")] {
        if let Some(config) = body.get_mut(place) {
            remove(config, key);
        }
    }
}

fn another_model(request: &mut Recorded) {
    body(request, |body| {
        if body.get("model").is_some() {
            body["model"] = "another".into();
        }
    });
    if let Some(at) = request.target.find("/models/") {
        request.target.insert_str(at + "/models/".len(), "an");
    }
}

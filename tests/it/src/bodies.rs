//! Request bodies of every kind that a JSON parser and writer would change.
use serde_json::json;

/// A stream of numbers that is the same on every run (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const SPACE: [&str; 6] = ["", "", " ", "\n", "\t", " \r\n  "];
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "1.0",
    "1e2",
    "1E+2",
    "1e400",
    "-1e-400",
    "0.1000000000000000055511151231257827",
    "2.50",
    "123456789012345678901234567890",
    "18446744073709551616",
    "-9223372036854775809",
    "1e00",
    "0.0000",
];
const TEXTS: [&str; 18] = [
    r#""""#,
    r#""plain""#,
    r#""\u00e9""#,
    "\"é\"",
    "\"e\u{301}\"",
    r#""\u0041\u0042""#,
    r#""\/\b\f\n\r\t\"\\""#,
    r#""\ud835""#,
    r#""\udc00 lone low""#,
    r#""\ud83d\ude00 pair""#,
    "\"😀 raw\"",
    r#""\uD83D\uDE00 capitals""#,
    r#""\u0000""#,
    "\"\u{2028}\u{2029}\u{7f}\"",
    r#""\"model\":\"not-this-one\"""#,
    r#""{\"model\": \"nor this\"}""#,
    "\"\u{feff}bom inside\"",
    r#""<|im_start|> !/model(x) #!/bin/sh""#,
];
/// Keys that look like others, and unknown ones.
const KEYS: [&str; 16] = [
    "temperature",
    "x_unknown",
    "Model",
    "MODEL",
    "m\u{43e}del",
    "modeI",
    "",
    "model ",
    " model",
    "metadata",
    "tools",
    "seed",
    "extra_body",
    "service_tier",
    "\\n",
    "prompt_cache_key",
];

fn value(dice: &mut Dice, depth: usize) -> String {
    let (before, after) = (dice.one(&SPACE), dice.one(&SPACE));
    let bare = match dice.below(if depth == 0 { 4 } else { 6 }) {
        0 => dice.one(&NUMBERS).to_owned(),
        1 | 2 => dice.one(&TEXTS).to_owned(),
        3 => dice.one(&["true", "false", "null"]).to_owned(),
        4 => {
            let items: Vec<_> = (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect();
            format!("[{}{}]", dice.one(&SPACE), items.join(","))
        }
        // A nested `model` belongs to somebody else.
        _ => {
            let nested = [r#""model""#, r#""a""#, r#""a""#, r#""stream""#];
            let items: Vec<_> = (0..dice.below(4))
                .map(|_| format!("{}:{}", dice.one(&nested), value(dice, depth - 1)))
                .collect();
            format!("{{{}{}}}", dice.one(&SPACE), items.join(","))
        }
    };
    format!("{before}{bare}{after}")
}

/// A body whose `model` is spelled `model` in JSON; everything else is drawn.
pub(crate) fn varied(seed: u64, model: &str) -> String {
    let dice = &mut Dice(seed);
    let mut fields = vec![
        format!("\"model\"{}:{}{model}{}", dice.one(&SPACE), dice.one(&SPACE), dice.one(&SPACE)),
        format!("{}\"messages\":[{{\"role\":\"user\",\"content\":{}}}]", dice.one(&SPACE), dice.one(&TEXTS)),
    ];
    // Unknown keys once each: a repeated unknown key is somebody else's business, and one of the cases below.
    let start = dice.below(KEYS.len());
    for idx in 0..dice.below(8) {
        let depth = dice.below(5);
        let key = KEYS[(start + idx) % KEYS.len()];
        // Of fields whose type is judged the right one, with anything inside.
        let value = match key {
            "temperature" | "seed" => dice.one(&NUMBERS).to_owned(),
            "tools" => format!("[{}]", value(dice, depth)),
            "metadata" => format!("{{\"a\":{}}}", value(dice, depth)),
            _ => value(dice, depth),
        };
        fields.push(format!("{}\"{key}\"{}:{value}", dice.one(&SPACE), dice.one(&SPACE)));
    }
    for idx in (1..fields.len()).rev() {
        fields.swap(idx, dice.below(idx + 1));
    }
    format!("{}{{{}}}{}", dice.one(&SPACE), fields.join(","), dice.one(&SPACE))
}

/// Bodies that no draw makes: long, deep, wide, repeated unknown keys.
pub(crate) fn special(model: &str) -> Vec<String> {
    let long = "lorem ipsum \\u00e9 é ".repeat(60_000);
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let wide: Vec<String> = (0..5_000).map(|i| format!("\"k{i}\":{i}")).collect();
    let tools: Vec<_> = (0..40)
        .map(|i| json!({"type": "function", "function": {"name": format!("f{i}"), "parameters": {}}}))
        .collect();
    vec![
        format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}],"model":{model}}}"#),
        format!(r#"{{"model":{model},"messages":[{{"role":"user","content":"{long}"}}]}}"#),
        format!(r#"{{"x":{deep},"model":{model},"messages":[]}}"#),
        format!(r#"{{{},"model":{model},"messages":[]}}"#, wide.join(",")),
        format!(r#"{{"model":{model},"x":1,"x":2,"messages":[],"x":3}}"#),
        format!(r#"{{"model":{model},"messages":[],"tools":{}}}"#, json!(tools)),
        format!("{{\"model\":{model},\"messages\":[]}}\n\n\n"),
        format!(r#"{{"model":{model},"messages":[],"stream":false,"stream_options":null}}"#),
    ]
}

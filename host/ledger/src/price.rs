//! What tokens cost. Prices are data; the sum is exact and whole: millionths of a dollar.
use events::attempt::Attempt;
use events::pricing::Pricing;
use events::tokens::Tokens;
use serde::{Deserialize, Deserializer};

/// The table that comes with the host.
const BUILT_IN: &str = include_str!("../prices.toml");

/// Millionths of a US dollar.
pub type MicroDollars = i64;

/// Prices by model.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// The operator's, which come first and count for every backend.
    own: Vec<Price>,
    /// Those that come with the host, for backends that are paid by the token.
    built_in: Vec<Price>,
}

/// A file of prices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    price: Vec<Price>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    model: String,
    /// Only for this backend.
    backend: Option<String>,
    #[serde(deserialize_with = "dollars")]
    input: u64,
    #[serde(default, deserialize_with = "maybe_dollars")]
    cached: Option<u64>,
    #[serde(default, deserialize_with = "maybe_dollars")]
    cache_write: Option<u64>,
    #[serde(deserialize_with = "dollars")]
    output: u64,
    long: Option<Long>,
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(rename = "as_of")]
    _as_of: Option<String>,
}

/// The prices of a request with more input than `above` tokens.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    above: u64,
    #[serde(deserialize_with = "dollars")]
    input: u64,
    #[serde(default, deserialize_with = "maybe_dollars")]
    cached: Option<u64>,
    #[serde(default, deserialize_with = "maybe_dollars")]
    cache_write: Option<u64>,
    #[serde(deserialize_with = "dollars")]
    output: u64,
}

/// Dollars for a million tokens, as millionths of a dollar for a million tokens.
fn dollars<'de, D: Deserializer<'de>>(de: D) -> Result<u64, D::Error> {
    let dollars = f64::deserialize(de)?;
    if !(0.0..1e6).contains(&dollars) {
        return Err(serde::de::Error::custom("a price is a number of dollars from 0 on"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked above")]
    Ok((dollars * 1e6).round() as u64)
}

fn maybe_dollars<'de, D: Deserializer<'de>>(de: D) -> Result<Option<u64>, D::Error> {
    dollars(de).map(Some)
}

impl Prices {
    /// The prices that come with the host, behind those of a file of the same form.
    ///
    /// # Errors
    /// Why the file cannot be read, with line and column.
    pub fn new(own: Option<&str>) -> Result<Self, String> {
        let rows =
            |text: &str| toml::from_str::<File>(text).map(|file| file.price).map_err(|e| e.to_string());
        Ok(Self { own: own.map(rows).transpose()?.unwrap_or_default(), built_in: rows(BUILT_IN)? })
    }

    /// What one attempt cost, as far as is known: its tokens and its model's price. `None`: unknown, which is not nothing.
    pub fn cost(&self, attempt: &Attempt) -> Option<MicroDollars> {
        self.cost_of(attempt, &attempt.tokens?)
    }

    /// What it would have cost with these tokens.
    pub(crate) fn cost_of(&self, attempt: &Attempt, tokens: &Tokens) -> Option<MicroDollars> {
        self.find(&attempt.backend, &attempt.model, attempt.is_metered)?.of(tokens)
    }

    fn find(&self, backend: &str, model: &str, is_metered: bool) -> Option<&Price> {
        let built_in = self.built_in.iter().filter(|_| is_metered);
        let fits = |price: &&Price| price.is_for(backend, model);
        let own =
            self.own.iter().filter(fits).max_by_key(|price| (price.backend.is_some(), price.model.len()));
        own.or_else(|| built_in.filter(fits).max_by_key(|price| price.model.len()))
    }
}

impl Pricing for Prices {
    fn knows(&self, backend: &str, model: &str, is_metered: bool) -> bool {
        self.find(backend, model, is_metered).is_some()
    }
}

/// Millionths of a dollar for a million tokens of each kind.
#[derive(Clone, Copy)]
struct Rates {
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
}

impl Rates {
    fn of(input: u64, cached: Option<u64>, cache_write: Option<u64>, output: u64) -> Self {
        Self { input, cached: cached.unwrap_or(input), cache_write: cache_write.unwrap_or(input), output }
    }
}

/// The name that stands for every model of a backend.
const ANY: &str = "*";

impl Price {
    fn is_for(&self, backend: &str, model: &str) -> bool {
        let is_model = || model.strip_prefix(self.model.as_str()).is_some_and(is_version);
        match self.backend.as_deref() {
            None => is_model(),
            Some(own) => own == backend && (self.model == ANY || is_model()),
        }
    }

    /// The rates of a request with so many input tokens.
    fn rates(&self, input: u64) -> Rates {
        match &self.long {
            Some(long) if input > long.above => {
                Rates::of(long.input, long.cached, long.cache_write, long.output)
            }
            _ => Rates::of(self.input, self.cached, self.cache_write, self.output),
        }
    }

    fn of(&self, tokens: &Tokens) -> Option<MicroDollars> {
        let (input, output) = (tokens.input?, tokens.output?);
        let rates = self.rates(input);
        let cached = tokens.cached_input.unwrap_or(0).min(input);
        let written = tokens.cache_write.unwrap_or(0).min(input - cached);
        let parts = [
            (input - cached - written, rates.input),
            (cached, rates.cached),
            (written, rates.cache_write),
            (output, rates.output),
        ];
        let sum: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price)).sum();
        // Half a millionth of a dollar is rounded up.
        MicroDollars::try_from((sum + 500_000) / 1_000_000).ok()
    }
}

/// Is this what stands behind a model's name in the name of one of its versions?
fn is_version(rest: &str) -> bool {
    let Some(version) = rest.strip_prefix(['-', '@']) else { return rest.is_empty() };
    let is_date = version.len() >= 8 && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    version == "latest" || is_date
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::attempt::{AttemptOutcome, Role};
    use std::time::Duration;

    fn attempt(backend: &str, model: &str, tokens: Option<Tokens>) -> Attempt {
        Attempt {
            role: Role::Answer,
            backend: backend.into(),
            connector: backend.into(),
            model: model.into(),
            key: 0,
            is_metered: true,
            began: Duration::ZERO,
            asked: None,
            heard: None,
            ended: Duration::ZERO,
            outcome: AttemptOutcome::Answered,
            tokens,
            losses: Vec::new(),
        }
    }

    fn tokens(input: u64, cached: u64, written: u64, output: u64) -> Option<Tokens> {
        let [input, cached_input, cache_write, output] = [input, cached, written, output].map(Some);
        Some(Tokens { input, output, cached_input, cache_write, reasoning: Some(1) })
    }

    const OWN: &str = r#"
        [[price]]
        model = "m"
        input = 1
        output = 2.5
        [[price]]
        model = "m"
        backend = "work"
        input = 0
        output = 0
        [[price]]
        model = "*"
        backend = "local"
        input = 0
        output = 0
        [[price]]
        model = "*"
        input = 9
        output = 9
        [[price]]
        model = "tiny"
        input = 0.000001
        output = 0.000001
        [[price]]
        model = "full"
        input = 3
        cached = 0.3
        cache_write = 3.75
        output = 15
        long = { above = 1000, input = 6, cached = 0.6, output = 30 }
    "#;

    #[test]
    fn cost_is_exact_and_unknown_is_not_nothing() {
        let prices = Prices::new(Some(OWN)).expect("prices");
        for (backend, model, used, expected) in [
            ("a", "m", tokens(1_000_000, 0, 0, 2), Some(1_000_005)),
            ("a", "m-2026-01-31", tokens(1, 0, 0, 0), Some(1)),
            ("a", "m-20260131", tokens(1, 0, 0, 0), Some(1)),
            ("a", "m-latest", tokens(1, 0, 0, 0), Some(1)),
            ("a", "m-mini", tokens(1, 0, 0, 0), None),
            ("a", "mm", tokens(1, 0, 0, 0), None),
            ("work", "m", tokens(9, 0, 0, 9), Some(0)),
            ("local", "anything", tokens(9, 0, 0, 9), Some(0)),
            ("local", "m", tokens(9, 0, 0, 9), Some(0)),
            // A star is for a backend.
            ("a", "anything", tokens(9, 0, 0, 9), None),
            // Half of a millionth.
            ("a", "tiny", tokens(499_999, 0, 0, 0), Some(0)),
            ("a", "tiny", tokens(500_000, 0, 0, 0), Some(1)),
            ("a", "full", tokens(1000, 400, 100, 10), Some(1500 + 120 + 375 + 150)),
            // Without a price of its own, what is written to a cache is input.
            ("a", "full", tokens(2000, 400, 100, 10), Some(9000 + 240 + 600 + 300)),
            // More cached than there is.
            ("a", "full", tokens(10, 400, 100, 0), Some(3)),
            ("a", "m", None, None),
            ("a", "m", Some(Tokens { input: Some(5), ..Tokens::default() }), None),
            ("a", "full", tokens(u64::MAX, 0, 0, u64::MAX), None),
        ] {
            assert_eq!(prices.cost(&attempt(backend, model, used)), expected, "{backend}:{model} {used:?}");
        }
    }

    #[test]
    fn built_in_prices_are_for_what_is_paid_by_the_token() {
        let prices = Prices::new(None).expect("the built-in table");
        assert!(prices.built_in.len() > 10);
        let mut metered = attempt("a", "gpt-5-mini-2025-08-07", tokens(1_000_000, 0, 0, 0));
        assert_eq!(prices.cost(&metered), Some(250_000));
        assert!(prices.knows("a", &metered.model, true) && !prices.knows("a", &metered.model, false));
        assert!(!prices.knows("a", "gpt-5-unheard-of", true));
        metered.is_metered = false;
        assert_eq!(prices.cost(&metered), None);
        for price in &prices.built_in {
            let vendors = ["https://developers.openai.com/", "https://platform.claude.com/"];
            let source = price._source.as_deref().unwrap_or_default();
            assert!(vendors.iter().any(|vendor| source.starts_with(vendor)), "{}: {source}", price.model);
            let day = price._as_of.as_deref().and_then(base::calendar::unix_seconds);
            assert!(day.is_some(), "{}: the day on which it was compared", price.model);
            let twice = prices.built_in.iter().filter(|other| other.model == price.model).count();
            assert_eq!(twice, 1, "{}", price.model);
        }
    }

    #[test]
    fn mistakes_in_a_file_are_told() {
        for text in
            ["[[price]]\nmodel = 'm'\n", "[[price]]\nmodel='m'\ninput=-1\noutput=1\n", "[[prize]]\n", "x"]
        {
            assert!(Prices::new(Some(text)).is_err(), "{text}");
        }
    }
}

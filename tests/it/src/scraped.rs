//! What the host counts, as an operator's program reads it.
use stage::{Call, Lip, send};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Every series with its value.
#[derive(Debug)]
pub(crate) struct Scraped(pub(crate) BTreeMap<String, f64>);

impl Scraped {
    pub(crate) fn of(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.map(|line| line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in {line}")));
        Self(pairs.map(|(series, value)| (series.to_owned(), value.parse().expect("a number"))).collect())
    }

    /// The sum of all series of this name whose labels hold all of these.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let is_it = |series: &str| {
            series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
        };
        self.0.iter().filter(|(series, _)| is_it(series)).map(|(_, value)| value).sum()
    }

    /// All series of this name, summed up by the values of these labels; a label that a series lacks is empty there.
    pub(crate) fn by<const N: usize>(&self, name: &str, labels: [&str; N]) -> BTreeMap<[String; N], u64> {
        let mut sums = BTreeMap::new();
        for (series, value) in &self.0 {
            let Some(own) = series.strip_prefix(name).filter(|rest| rest.starts_with(['{'])) else {
                continue;
            };
            let of = |label: &str| {
                let begin = [format!("{{{label}=\""), format!(",{label}=\"")];
                let rest = begin.iter().find_map(|begin| Some(own.split_once(begin.as_str())?.1));
                rest.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
            };
            *sums.entry(labels.map(of)).or_insert(0) += *value as u64;
        }
        sums
    }
}

/// Where the host tells those who watch it.
pub(crate) fn watched(lip: &Lip) -> SocketAddr {
    let stdout = lip.stdout();
    let place = stdout.lines().find_map(|line| line.trim().strip_prefix("watched   http://"));
    place.and_then(|place| place.strip_suffix("/readyz")?.parse().ok()).expect("an address")
}

/// The host's counts; it was started with an address to be watched at.
pub(crate) async fn scrape(lip: &Lip) -> Scraped {
    let answer = send(watched(lip), Call::get("/metrics")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    Scraped::of(&answer.text())
}

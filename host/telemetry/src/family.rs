//! Counters and histograms with labels. A family has a bound: what is beyond goes into one series.
use crate::sample::Labels;
use std::collections::BTreeMap;

/// Series of one family; those of a larger configuration go into one that says so.
const SERIES_MAX: usize = 4096;
/// The label of that one.
const OVERFLOW: (&str, &str) = ("lip.overflow", "true");

/// What a family is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    /// With dots, such as `gen_ai.client.token.usage`.
    pub(crate) name: &'static str,
    /// One sentence without a full stop.
    pub(crate) help: &'static str,
    /// UCUM.
    pub(crate) unit: &'static str,
}

/// A family of counters.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) described: Described,
    pub(crate) series: BTreeMap<Labels, u64>,
}

/// A family of histograms.
#[derive(Debug)]
pub(crate) struct Histograms {
    pub(crate) described: Described,
    /// Upper bounds, inclusive, ascending.
    pub(crate) bounds: &'static [f64],
    pub(crate) series: BTreeMap<Labels, Histogram>,
}

/// One histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histogram {
    /// How many were in each bucket, the last one beyond all bounds. Not summed up.
    pub(crate) buckets: Vec<u64>,
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

impl Counters {
    pub(crate) const fn new(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { described: Described { name, help, unit }, series: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, labels: Labels, n: u64) {
        *bounded(&mut self.series, labels) += n;
    }
}

impl Histograms {
    pub(crate) const fn new(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        bounds: &'static [f64],
    ) -> Self {
        Self { described: Described { name, help, unit }, bounds, series: BTreeMap::new() }
    }

    pub(crate) fn record(&mut self, labels: Labels, value: f64) {
        let histogram = bounded(&mut self.series, labels);
        histogram.buckets.resize(self.bounds.len() + 1, 0);
        let at = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(bucket) = histogram.buckets.get_mut(at) {
            *bucket += 1;
        }
        histogram.count += 1;
        histogram.sum += value;
    }
}

fn bounded<T: Default>(series: &mut BTreeMap<Labels, T>, labels: Labels) -> &mut T {
    let is_full = series.len() >= SERIES_MAX && !series.contains_key(&labels);
    let labels = if is_full { vec![(OVERFLOW.0, OVERFLOW.1.to_owned())] } else { labels };
    series.entry(labels).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_buckets() {
        let mut family = Histograms::new("x", "s", "x", &[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 2.5] {
            family.record(vec![], value);
        }
        let histogram = family.series.get(&Labels::new()).expect("a series");
        assert_eq!((histogram.buckets.as_slice(), histogram.count, histogram.sum), (&[2, 1, 1][..], 4, 5.5));
    }

    #[test]
    fn invented_labels_cannot_fill_the_memory() {
        let mut family = Counters::new("x", "", "x");
        for n in 0..3 * SERIES_MAX {
            family.add(vec![("a", n.to_string())], 1);
        }
        assert_eq!(family.series.len(), SERIES_MAX + 1);
        assert_eq!(family.series.values().sum::<u64>(), 3 * SERIES_MAX as u64);
    }
}

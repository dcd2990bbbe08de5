//! What is read when somebody asks, such as how many turns are open, as opposed to what is counted.

/// The labels of a series.
pub type Labels = Vec<(&'static str, String)>;

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
}

/// One number of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// With dots, such as `lip.turns.open`.
    pub name: &'static str,
    /// One sentence without a full stop.
    pub help: &'static str,
    /// UCUM, such as `s` or `By`; `{turn}` where it only says what is counted.
    pub unit: &'static str,
    /// What the number means.
    pub kind: Kind,
    /// Labels from the configuration only.
    pub labels: Labels,
    /// The number.
    pub value: f64,
}

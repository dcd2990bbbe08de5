//! Times of many exchanges, and what is told of them.
use crate::Failure;
use crate::client::Seen;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Times of many exchanges.
#[derive(Debug)]
pub struct Tally {
    total: Histogram<u64>,
    first: Histogram<u64>,
    one_way: Histogram<u64>,
    errors: u64,
    last_error: Option<String>,
}

impl Tally {
    /// None yet.
    ///
    /// # Errors
    /// Never: three digits are a precision that the histogram has.
    pub fn new() -> Result<Self, Failure> {
        let times = Histogram::<u64>::new(3)?;
        Ok(Self { total: times.clone(), first: times.clone(), one_way: times, errors: 0, last_error: None })
    }

    /// Counts one exchange, or its failure.
    ///
    /// # Errors
    /// A time that the histogram cannot hold.
    pub fn take(&mut self, result: Result<Seen, Failure>) -> Result<(), Failure> {
        match result {
            Ok(seen) => {
                self.total.record(seen.total_ns)?;
                self.first.record(seen.first_ns)?;
                for ns in seen.one_way_ns {
                    self.one_way.record(ns)?;
                }
            }
            Err(error) => {
                self.errors += 1;
                self.last_error = Some(error.to_string());
            }
        }
        Ok(())
    }

    /// Counts all of `other` as well.
    ///
    /// # Errors
    /// A time that the histogram cannot hold.
    pub fn add(&mut self, other: &Self) -> Result<(), Failure> {
        self.total.add(&other.total)?;
        self.first.add(&other.first)?;
        self.one_way.add(&other.one_way)?;
        self.errors += other.errors;
        if other.last_error.is_some() {
            self.last_error.clone_from(&other.last_error);
        }
        Ok(())
    }

    /// Forgets the times and keeps the failures: what came before was warm-up.
    ///
    /// # Errors
    /// As for [`Tally::new`].
    pub fn begin_again(&mut self) -> Result<(), Failure> {
        let (errors, last_error) = (self.errors, self.last_error.take());
        *self = Self { errors, last_error, ..Self::new()? };
        Ok(())
    }

    /// Numbers as JSON: `{n, errors, last_error, total, first, one_way}`, the last three as [`quantiles`].
    pub fn report(&self) -> Value {
        json!({
            "n": self.total.len(), "errors": self.errors, "last_error": self.last_error,
            "total": quantiles(&self.total), "first": quantiles(&self.first), "one_way": quantiles(&self.one_way),
        })
    }
}

/// Times as JSON: `{p50, p95, p99, max}` in microseconds.
pub fn quantiles(times: &Histogram<u64>) -> Value {
    let us = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1000.0;
    json!({"p50": us(0.5), "p95": us(0.95), "p99": us(0.99), "max": times.max() as f64 / 1000.0})
}

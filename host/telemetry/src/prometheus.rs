//! Prometheus' text format, version 0.0.4 (Prometheus documentation, "Exposition formats"); names as OpenTelemetry's exporter makes them
//! (OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility").
use crate::family::{Counters, Described, Histograms};
use crate::instruments::Instruments;
use crate::sample::{Kind, Labels, Sample};
use std::fmt::Write as _;

/// The `content-type` of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All of it, families in a fixed order.
pub(crate) fn text(instruments: &Instruments, samples: &[Sample]) -> String {
    let mut out = String::new();
    instruments.counters.iter().for_each(|family| counters(&mut out, family));
    instruments.histograms.iter().for_each(|family| histograms(&mut out, family));
    let mut before = "";
    for sample in samples {
        let Sample { name, help, unit, kind, labels, value } = sample;
        let described = Described { name, help, unit };
        let full = match kind {
            Kind::Counter => full_name(&described, "_total"),
            Kind::Gauge => full_name(&described, ""),
        };
        if before != *name {
            let word = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            head(&mut out, &full, help, word);
            before = name;
        }
        line(&mut out, &full, labels, None, *value);
    }
    out
}

fn counters(out: &mut String, family: &Counters) {
    let name = full_name(&family.described, "_total");
    head(out, &name, family.described.help, "counter");
    for (labels, n) in &family.series {
        line(out, &name, labels, None, *n as f64);
    }
}

fn histograms(out: &mut String, family: &Histograms) {
    let name = full_name(&family.described, "");
    head(out, &name, family.described.help, "histogram");
    for (labels, histogram) in &family.series {
        let mut sum = 0;
        let bounds = family.bounds.iter().map(ToString::to_string).chain(std::iter::once("+Inf".to_owned()));
        for (bound, n) in bounds.zip(&histogram.buckets) {
            sum += n;
            line(out, &format!("{name}_bucket"), labels, Some(&bound), sum as f64);
        }
        line(out, &format!("{name}_sum"), labels, None, histogram.sum);
        line(out, &format!("{name}_count"), labels, None, histogram.count as f64);
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &Labels, bound: Option<&str>, value: f64) {
    let own = labels.iter().map(|(name, value)| (name.replace('.', "_"), escaped(value)));
    let all = own.chain(bound.map(|bound| ("le".to_owned(), bound.to_owned())));
    let all: Vec<String> = all.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let _ = match all.is_empty() {
        true => writeln!(out, "{name} {value}"),
        false => writeln!(out, "{name}{{{}}} {value}", all.join(",")),
    };
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Dots become underscores, units become suffixes, and what only says what is counted is left out.
fn full_name(described: &Described, suffix: &str) -> String {
    let name = described.name.replace('.', "_");
    let unit = match described.unit {
        "s" => "_seconds",
        // The name says so already.
        "By" if name.ends_with("_bytes") => "",
        "By" => "_bytes",
        _ => "",
    };
    format!("{name}{unit}{suffix}")
}

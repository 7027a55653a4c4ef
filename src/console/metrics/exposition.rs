//! The two text formats that Prometheus reads, and nothing of what is measured.
//!
//! - Prometheus' text format 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>
//! - `OpenMetrics` 1.0: <https://github.com/OpenObservability/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>

use std::fmt::Write;

use crate::visible;

/// A label's value is cut to so many characters: all that we measure are names, and short.
const LONGEST_VALUE: usize = 128;

/// In which of the formats metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus' text format 0.0.4, which `node_exporter` reads, too.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Exposition {
    /// What HTTP calls it (`Content-Type`).
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a metric's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, and its samples' name ends in `_total`.
    Counter,
    /// Numbers of what does not exceed which bound, and their sum.
    Histogram,
    /// Always 1: what is told is in the labels. Its samples' name ends in `_info`.
    Info,
}

/// A metric: one name, with a sample for each set of labels.
#[derive(Debug)]
pub(super) struct Metric {
    /// Without what its samples' names end in.
    name: &'static str,
    kind: Kind,
    help: &'static str,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// The labels of a sample.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

impl Metric {
    pub(super) fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, help, samples: Vec::new() }
    }

    /// Adds a sample.
    pub(super) fn add(&mut self, labels: Labels<'_>, value: f64) {
        let suffix = match self.kind {
            Kind::Gauge | Kind::Histogram => "",
            Kind::Counter => "_total",
            Kind::Info => "_info",
        };
        self.push(suffix, labels, None, value);
    }

    /// Adds a histogram: how many do not exceed each bound and exceed the one before, how many exceed all, and the sum.
    pub(super) fn add_histogram(&mut self, labels: Labels<'_>, below: &[(f64, u64)], beyond: u64, sum: f64) {
        let mut count = 0_u64;
        for (bound, number) in below.iter().copied().chain([(f64::INFINITY, beyond)]) {
            count = count.saturating_add(number);
            self.push("_bucket", labels, Some(bound), as_float(count));
        }
        self.push("_sum", labels, None, sum);
        self.push("_count", labels, None, as_float(count));
    }

    fn push(&mut self, suffix: &'static str, labels: Labels<'_>, bound: Option<f64>, value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, escaped(value)));
        let bound = bound.map(|bound| ("le", canonical(bound)));
        self.samples.push(Sample { suffix, labels: labels.chain(bound).collect(), value });
    }
}

/// The metrics as text; of those without a sample nothing is said.
pub(super) fn write(metrics: &[Metric], exposition: Exposition) -> String {
    let mut text = String::new();
    for metric in metrics.iter().filter(|metric| !metric.samples.is_empty()) {
        // Writing to a string does not fail.
        let _ = write_head(&mut text, metric, exposition);
        for Sample { suffix, labels, value } in &metric.samples {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{}{suffix}{labels} {}", metric.name, number(*value));
        }
    }
    if exposition == Exposition::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn write_head(text: &mut String, metric: &Metric, exposition: Exposition) -> std::fmt::Result {
    let Metric { name, kind, help, .. } = metric;
    let suffix = match (exposition, kind) {
        // OpenMetrics names the metric, the older format its samples.
        (Exposition::Text, Kind::Counter) => "_total",
        (Exposition::Text, Kind::Info) => "_info",
        _ => "",
    };
    let kind = match (exposition, kind) {
        (Exposition::OpenMetrics, Kind::Info) => "info",
        (_, Kind::Gauge | Kind::Info) => "gauge",
        (_, Kind::Counter) => "counter",
        (_, Kind::Histogram) => "histogram",
    };
    writeln!(text, "# HELP {name}{suffix} {help}")?;
    writeln!(text, "# TYPE {name}{suffix} {kind}")?;
    if exposition == Exposition::OpenMetrics && name.ends_with("_seconds") {
        writeln!(text, "# UNIT {name} seconds")?;
    }
    Ok(())
}

/// A label's value: what would be obeyed anywhere is shown, and what would end the value is escaped.
fn escaped(value: &str) -> String {
    let cut: String = value.chars().take(LONGEST_VALUE).collect();
    visible::line(&cut).replace('\\', r"\\").replace('"', "\\\"")
}

fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { value.to_string() }
}

/// A bound as `OpenMetrics` wants it: the same in both formats, so that a bound is one series however it is read.
fn canonical(bound: f64) -> String {
    if bound.is_finite() && bound.fract() == 0.0 { format!("{bound:.1}") } else { number(bound) }
}

/// A count as the formats tell it. Beyond 2^53 it is rounded, in whatever reads it, too.
#[allow(clippy::cast_precision_loss, reason = "the formats have no other numbers")]
pub(super) fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn each_kind_is_written_as_the_format_has_it() {
        let mut metrics = [
            Metric::new("up", Kind::Gauge, "Is it up."),
            Metric::new("empty", Kind::Gauge, "Of nothing nothing is said."),
            Metric::new("runs", Kind::Counter, "Runs."),
            Metric::new("build", Kind::Info, "Versions."),
            Metric::new("run_seconds", Kind::Histogram, "Lengths."),
        ];
        metrics[0].add(&[], 0.5);
        metrics[2].add(&[("action", "a")], 3e9);
        metrics[3].add(&[("version", "1.0")], 1.0);
        metrics[4].add_histogram(&[("action", "a")], &[(0.01, 1), (60.0, 0)], 2, f64::INFINITY);
        assert_snapshot!(write(&metrics, Exposition::Text), @r#"
        # HELP up Is it up.
        # TYPE up gauge
        up 0.5
        # HELP runs_total Runs.
        # TYPE runs_total counter
        runs_total{action="a"} 3000000000
        # HELP build_info Versions.
        # TYPE build_info gauge
        build_info{version="1.0"} 1
        # HELP run_seconds Lengths.
        # TYPE run_seconds histogram
        run_seconds_bucket{action="a",le="0.01"} 1
        run_seconds_bucket{action="a",le="60.0"} 1
        run_seconds_bucket{action="a",le="+Inf"} 3
        run_seconds_sum{action="a"} +Inf
        run_seconds_count{action="a"} 3
        "#);
        assert_snapshot!(write(&metrics, Exposition::OpenMetrics), @r#"
        # HELP up Is it up.
        # TYPE up gauge
        up 0.5
        # HELP runs Runs.
        # TYPE runs counter
        runs_total{action="a"} 3000000000
        # HELP build Versions.
        # TYPE build info
        build_info{version="1.0"} 1
        # HELP run_seconds Lengths.
        # TYPE run_seconds histogram
        # UNIT run_seconds seconds
        run_seconds_bucket{action="a",le="0.01"} 1
        run_seconds_bucket{action="a",le="60.0"} 1
        run_seconds_bucket{action="a",le="+Inf"} 3
        run_seconds_sum{action="a"} +Inf
        run_seconds_count{action="a"} 3
        # EOF
        "#);
    }

    #[test]
    fn no_value_of_a_label_ends_its_line_or_itself() {
        for (value, expected) in [
            ("plain ü", "plain ü"),
            ("a\"} 1\nup{x=\"", r#"a\"} 1\\nup{x=\""#),
            (r"a\", r"a\\"),
            ("\u{1b}[2J\r\0\u{85}\u{2028}\u{202e}", "\\\\x1b[2J\\\\r\\\\x00\\\\u{85}\u{2028}\\\\u{202e}"),
        ] {
            assert_eq!(escaped(value), expected);
        }
        assert_eq!(escaped(&"x".repeat(100_000)).len(), LONGEST_VALUE);
    }
}

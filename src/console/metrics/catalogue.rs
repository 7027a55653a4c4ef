//! The metrics that there are: names, types and what they mean, in the order in which they are written.
//! docs/METRICS.md has the same, with where each comes from.

use super::exposition::{Kind, Metric};

/// Makes a type that has each metric as a field.
macro_rules! catalogue {
    ($($field:ident: $kind:ident $name:literal, $help:literal;)*) => {
        /// All metrics, to be filled.
        pub(super) struct Catalogue {
            $(pub(super) $field: Metric,)*
        }

        impl Catalogue {
            pub(super) fn new() -> Self {
                Self { $($field: Metric::new(concat!("lamplighter_", $name), Kind::$kind, $help),)* }
            }

            pub(super) fn into_metrics(self) -> Vec<Metric> {
                vec![$(self.$field,)*]
            }
        }
    };
}

catalogue! {
    build: Info "build", "The version of Lamplighter that a service runs.";
    up: Gauge "up", "Whether a service answers and is not ending (1) or not (0).";
    healthy: Gauge "healthy", "Whether a service was healthy when that was last checked.";
    start: Gauge "start_time_seconds", "When a service's supervisor began, since 1970.";
    complaints: Gauge "complaints", "How much is wrong with a service that serves all the same.";
    queue: Gauge "queue_length", "Requests that wait for their turn.";
    running: Gauge "requests_running", "Requests that are being carried out.";
    requests: Counter "requests", "Requests by their final outcome, since the journal began.";
    runs: Counter "runs", "Attempts to carry out requests by how they ended, since the journal began.";
    duration: Histogram "run_duration_seconds", "How long attempts to carry out requests took.";
    last_success: Gauge "last_success_timestamp_seconds", "When an action last succeeded, since 1970.";
    failing: Gauge "action_failing", "Whether the last request for an action failed, timed out or was interrupted.";
    overdue: Gauge "action_overdue", "Whether an action has not succeeded for longer than its rule expects.";
    loss: Gauge "potential_loss_seconds", "How much of the past is in no backup: what would be lost now.";
    proven: Gauge "last_proven_restore_timestamp_seconds",
        "When it was last proven that the backups can be restored, since 1970.";
    certificate: Gauge "certificate_expiry_timestamp_seconds",
        "When the certificate that visitors are given ends, since 1970.";
    entries: Gauge "schedule_entries", "Entries of the schedule that are in force.";
    undelivered: Gauge "schedule_undelivered", "Occurrences that are due and that no service has taken yet.";
    lateness: Gauge "schedule_lateness_seconds", "For how long the oldest of them has been due; 0 when there is none.";
    told: Counter "alarms_told", "Alarms that the notifier has told.";
    untold: Counter "alarms_failed", "How often the notifier was run for an alarm and did not tell it.";
    alarms_waiting: Gauge "alarms_waiting", "Alarms that are still to be told.";
    collected: Gauge "collected_timestamp_seconds", "When the services were asked, since 1970.";
}

//! What both processes count and measure, for Prometheus: every metric with its name, labels and unit is in [`METRICS`].
//!
//! Invariant: the values of labels come from lists in the code (routes, kinds, codes), never from what a client sent, so
//! that the number of series does not grow. Names follow Prometheus' conventions: base units, `_total` for counters.
//! Without [`serve`] every function here does next to nothing.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// As Prometheus knows it.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub shape: Shape,
    /// Of its values; in the name too, where there is one.
    pub unit: Option<Unit>,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// For people.
    pub help: &'static str,
}

/// Answers of the API and of what it waits for: from a millisecond to ten seconds.
const LATENCY: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Work: from a second to some hours.
const WORK: &[f64] =
    &[0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1_280.0, 5_120.0, 20_480.0];
/// Seconds of a film made in a second.
const SPEED: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

macro_rules! metrics {
    ($($constant:ident = $shape:expr, $name:literal, $unit:expr, [$($label:literal),*], $help:literal;)+) => {
        $(const $constant: &str = $name;)+

        /// Every metric there is.
        pub const METRICS: &[Metric] = &[
            $(Metric { name: $name, shape: $shape, unit: $unit, labels: &[$($label),*], help: $help }),+
        ];
    };
}

metrics! {
    BUILD_INFO = Shape::Gauge, "sluice_build_info", None, ["program", "version"],
        "Always 1: which program answers, in which version.";
    HTTP_REQUESTS = Shape::Histogram(LATENCY), "sluice_http_request_duration_seconds", Some(Unit::Seconds),
        ["method", "route", "status"],
        "From the head of a request to the head of its answer, by the pattern of its route and the class of its status.";
    UPLOADED_BYTES = Shape::Counter, "sluice_upload_bytes_total", Some(Unit::Bytes), [],
        "Bytes of uploads and imports that are stored.";
    QUEUE_TASKS = Shape::Gauge, "sluice_queue_tasks", None, ["kind", "status"],
        "Tasks that wait (queued), are being done (running) or have failed for good (parked).";
    QUEUE_OLDEST = Shape::Gauge, "sluice_queue_oldest_seconds", Some(Unit::Seconds), ["kind"],
        "For how long the oldest task has been due that nobody has begun, that is not held back, and whose bytes are there.";
    TASKS = Shape::Histogram(WORK), "sluice_task_duration_seconds", Some(Unit::Seconds), ["kind", "outcome"],
        "From claiming a task to its end: done, retry, failed, released, waits or lost.";
    ENCODE_SPEED = Shape::Histogram(SPEED), "sluice_encode_speed_ratio", None, [],
        "Seconds of film that a task encoded in a second, all of its rungs together.";
    CHILD_DEATHS = Shape::Counter, "sluice_encoder_deaths_total", None, ["code"],
        "Encoder children that ended otherwise than they should, by the code that their media shows.";
    PLAYABLE = Shape::Histogram(WORK), "sluice_media_playable_seconds", Some(Unit::Seconds), [],
        "From the last byte of a film to its first playlist; 0 for those that can be watched before that.";
    READY = Shape::Histogram(WORK), "sluice_media_ready_seconds", Some(Unit::Seconds), [],
        "From the last byte of a film to all of its renditions.";
    STORE = Shape::Histogram(LATENCY), "sluice_store_duration_seconds", Some(Unit::Seconds), ["operation", "outcome"],
        "Requests to the object store; of reading, until the first byte can be had.";
    SEGMENTS = Shape::Counter, "sluice_segment_reads_total", None, ["source"],
        "Segments and pictures that were asked for and may be kept in memory: those that were there (memory), the others (store).";
    STARTUP = Shape::Histogram(LATENCY), "sluice_playback_startup_seconds", Some(Unit::Seconds), [],
        "From the wish to play to the first picture, as players tell.";
    WATCHED = Shape::Histogram(LATENCY), "sluice_playback_watched_seconds", Some(Unit::Seconds), [],
        "What players had played since their last report, of each report in which they had; the sum is what counts.";
    STALLS = Shape::Counter, "sluice_playback_stalls_total", None, [],
        "How often players had to wait in the middle, as they tell.";
    STALLED = Shape::Histogram(LATENCY), "sluice_playback_stalled_seconds", Some(Unit::Seconds), [],
        "How long that was, of each report that told of it; the sum is what counts.";
    DATABASE = Shape::Histogram(LATENCY), "sluice_database_wait_seconds", Some(Unit::Seconds), ["operation"],
        "Until a transaction has a connection (begin), and until it is kept (commit).";
}

/// Why measurements cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("metrics at {address}: {source}")]
pub struct ServeError {
    address: SocketAddr,
    source: BuildError,
}

/// Begins to measure, and answers `GET /metrics` on an address of its own, on which nothing else is. Within a Tokio
/// runtime, once a process.
pub fn serve(address: SocketAddr, program: &'static str, version: &'static str) -> Result<(), ServeError> {
    let failed = |source| ServeError { address, source };
    let mut builder = PrometheusBuilder::new().with_http_listener(address);
    for metric in METRICS {
        if let Shape::Histogram(bounds) = metric.shape {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds).map_err(failed)?;
        }
    }
    builder.install().map_err(failed)?;
    for metric in METRICS {
        let unit = metric.unit.unwrap_or(Unit::Count);
        match metric.shape {
            Shape::Counter => describe_counter!(metric.name, unit, metric.help),
            Shape::Gauge => describe_gauge!(metric.name, unit, metric.help),
            Shape::Histogram(_) => describe_histogram!(metric.name, unit, metric.help),
        }
    }
    gauge!(BUILD_INFO, "program" => program, "version" => version).set(1.0);
    Ok(())
}

/// A request was answered. `route` is the pattern, and what no route matches has one name for all.
pub fn request(method: &'static str, route: Option<&str>, status: u16, took: Duration) {
    let status = match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    let route = route.unwrap_or("none").to_owned();
    histogram!(HTTP_REQUESTS, "method" => method, "route" => route, "status" => status).record(took);
}

/// Bytes of an upload were stored.
pub fn uploaded(bytes: u64) {
    counter!(UPLOADED_BYTES).increment(bytes);
}

/// A segment that may be kept in memory was asked for: it was there, or had to be read.
pub fn segment(source: &'static str) {
    counter!(SEGMENTS, "source" => source).increment(1);
}

/// What a player told: how long its start took, if it started, what it played, and how often and how long it had to wait.
pub fn played(started: Option<Duration>, watched: Duration, (stalls, stalled): (u64, Duration)) {
    if let Some(took) = started {
        histogram!(STARTUP).record(took);
    }
    if !watched.is_zero() {
        histogram!(WATCHED).record(watched);
    }
    counter!(STALLS).increment(stalls);
    if !stalled.is_zero() {
        histogram!(STALLED).record(stalled);
    }
}

/// How many tasks of a kind have a status.
pub fn queue(kind: &'static str, status: &'static str, tasks: u64) {
    gauge!(QUEUE_TASKS, "kind" => kind, "status" => status).set(tasks as f64);
}

/// For how long the oldest task of a kind has been due.
pub fn oldest(kind: &'static str, due_for: Duration) {
    gauge!(QUEUE_OLDEST, "kind" => kind).set(due_for);
}

/// A task has ended, well or not.
pub fn task(kind: &'static str, outcome: &'static str, took: Duration) {
    histogram!(TASKS, "kind" => kind, "outcome" => outcome).record(took);
}

/// So much of a film was encoded in `took`.
pub fn encoded(film: Duration, took: Duration) {
    if !took.is_zero() {
        histogram!(ENCODE_SPEED).record(film.as_secs_f64() / took.as_secs_f64());
    }
}

/// An encoder child has died, or was ended.
pub fn child_death(code: &'static str) {
    counter!(CHILD_DEATHS, "code" => code).increment(1);
}

/// A film can be watched, so long after its last byte.
pub fn playable(after: Duration) {
    histogram!(PLAYABLE).record(after);
}

/// A film is complete, so long after its last byte.
pub fn ready(after: Duration) {
    histogram!(READY).record(after);
}

/// Measures a request to the object store from here on. A request that is given up midway has failed.
pub fn store(operation: &'static str) -> StoreTimer {
    StoreTimer { operation, began: Instant::now(), outcome: "error" }
}

/// A request to the object store under way.
#[derive(Debug)]
pub struct StoreTimer {
    operation: &'static str,
    began: Instant,
    outcome: &'static str,
}

impl StoreTimer {
    /// Ends the measurement with what came of the request, which is passed on.
    pub fn ended<T, E>(mut self, answer: Result<T, E>) -> Result<T, E> {
        self.outcome = if answer.is_ok() { "ok" } else { "error" };
        answer
    }
}

impl Drop for StoreTimer {
    fn drop(&mut self) {
        histogram!(STORE, "operation" => self.operation, "outcome" => self.outcome).record(self.began.elapsed());
    }
}

/// Measures a wait for the database, until what is returned is dropped.
pub fn database(operation: &'static str) -> DatabaseTimer {
    DatabaseTimer { operation, began: Instant::now() }
}

/// A wait for the database.
#[derive(Debug)]
pub struct DatabaseTimer {
    operation: &'static str,
    began: Instant,
}

impl Drop for DatabaseTimer {
    fn drop(&mut self) {
        histogram!(DATABASE, "operation" => self.operation).record(self.began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_unit() {
        for metric in METRICS {
            assert!(metric.name.starts_with("sluice_"), "{}", metric.name);
            let seconds = metric.unit == Some(Unit::Seconds);
            assert_eq!(metric.name.ends_with("_seconds"), seconds, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.shape == Shape::Counter, "{}", metric.name);
        }
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = serve(address, "test", "0").unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}

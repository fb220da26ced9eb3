//! One trace for each film, from its first byte to its last segment, whichever processes take part (OpenTelemetry, by OTLP
//! over HTTP).
//!
//! Invariants: the trace's id is the package's, so nothing is handed on between processes, and logs that name a package
//! name its trace. Spans are written once they have ended, with the instants that the database knows: who dies in
//! between writes nothing, and who takes over writes the whole. Without [`export`] every function here does nothing;
//! with it nothing waits: spans that find the queue full are dropped by the exporter.

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{
        Span, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
        TracerProvider,
    },
};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider},
};
use sluice_model::{PackageId, Timestamp};
use std::{
    cell::Cell,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

/// How long the last spans may take when the process ends.
const LAST: Duration = Duration::from_secs(2);

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

thread_local! {
    /// The ids of the span that is being built, where they are given.
    static GIVEN: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// An address that spans cannot be sent to.
#[derive(Debug, thiserror::Error)]
#[error("SLUICE_OTLP_URL: {0}")]
pub struct ExportError(#[from] ExporterBuildError);

/// Keeps the export open; when it goes, the last spans have two seconds to be sent.
#[must_use = "the last spans are lost without it"]
#[derive(Debug)]
pub struct Export(SdkTracerProvider);

impl Drop for Export {
    fn drop(&mut self) {
        // A collector that is away costs its spans and nothing else.
        let _ = self.0.shutdown_with_timeout(LAST);
    }
}

/// Ids are random but where [`film`] gives them.
#[derive(Debug)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        GIVEN.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        GIVEN.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}

/// Sends the spans of this process to a collector: `endpoint` is the whole address of its traces, such as
/// `http://collector:4318/v1/traces`. Once for a process; a second call changes nothing.
///
/// # Errors
/// When the exporter cannot be made for this address. Whether somebody answers there is not asked.
pub fn export(endpoint: &str, service: &'static str, version: &'static str) -> Result<Export, ExportError> {
    // Somebody else may have said it before, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).with_protocol(Protocol::HttpBinary);
    let named =
        Resource::builder().with_service_name(service).with_attribute(KeyValue::new("service.version", version));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build()?)
        .with_id_generator(Ids(RandomIdGenerator::default()))
        .with_resource(named.build())
        .build();
    drop(TRACER.set(provider.tracer("sluice")));
    Ok(Export(provider))
}

/// The trace of a package, as collectors and logs write it: 32 hexadecimal digits.
pub fn trace_id(package: PackageId) -> String {
    trace_of(package).to_string()
}

fn trace_of(package: PackageId) -> TraceId {
    TraceId::from_bytes(package.uuid().into_bytes())
}

/// The root's id: the random half of the package's.
fn root_of(package: PackageId) -> SpanId {
    SpanId::from((package.uuid().as_u128() & u128::from(u64::MAX)) as u64)
}

/// The root of a film's trace: from when its upload began until it was `ready`, or had failed with a code.
pub fn film(package: PackageId, begin: Timestamp, end: Timestamp, error_code: Option<&str>) {
    let Some(tracer) = TRACER.get() else { return };
    GIVEN.set(Some((trace_of(package), root_of(package))));
    let builder = SpanBuilder::from_name("film").with_start_time(at(begin));
    let mut span = tracer.build_with_context(builder, &Context::new());
    GIVEN.set(None);
    if let Some(code) = error_code {
        span.set_status(Status::error(code.to_owned()));
    }
    span.end_with_timestamp(at(end));
}

/// A part of what is done for a film, which has ended: its upload, a task.
pub fn part(
    package: PackageId,
    name: &'static str,
    (begin, end): (Timestamp, Timestamp),
    attributes: impl IntoIterator<Item = (&'static str, Value)>,
) {
    let Some(tracer) = TRACER.get() else { return };
    let root = SpanContext::new(trace_of(package), root_of(package), TraceFlags::SAMPLED, true, TraceState::default());
    let builder = SpanBuilder::from_name(name)
        .with_start_time(at(begin))
        .with_attributes(attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)));
    let mut span = tracer.build_with_context(builder, &Context::new().with_remote_span_context(root));
    span.end_with_timestamp(at(end));
}

fn at(instant: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(instant.as_micros().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_and_its_parts_have_the_packages_ids() {
        let package: PackageId = "01930000-0000-7000-8000-00000000002a".parse().unwrap();
        assert_eq!(trace_id(package), "0193000000007000800000000000002a");
        assert_eq!(root_of(package).to_string(), "800000000000002a");
    }

    #[test]
    fn nothing_happens_where_nobody_exports() {
        let now = Timestamp::EPOCH;
        film(PackageId::new(), now, now, None);
        part(PackageId::new(), "upload", (now, now), [("bytes", Value::from(1))]);
    }
}

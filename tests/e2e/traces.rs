//! One trace for each film, as a collector gets it from several processes.

use axum::{Router, body::Bytes, extract::State, routing::post};
use harness::{Pair, Stack, client::PATIENCE, eventually, fixtures};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message;
use std::sync::{Arc, Mutex};

harness::on_both!(a_film_has_one_trace_over_all_processes);

/// Spans with the service that they came from.
type Spans = Arc<Mutex<Vec<(String, Span)>>>;

async fn collect(State(spans): State<Spans>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let named = resource.resource.unwrap_or_default().attributes;
        let named = named.into_iter().find(|a| a.key == "service.name").and_then(|a| a.value).unwrap();
        let service = format!("{:?}", named.value.unwrap());
        for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
            spans.lock().unwrap().push((service.clone(), span));
        }
    }
}

/// A collector, and the address of its traces.
async fn collector() -> (Spans, String) {
    let spans = Spans::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let routes = Router::new().route("/v1/traces", post(collect)).with_state(spans.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (spans, url)
}

async fn a_film_has_one_trace_over_all_processes(pair: Pair) {
    let (spans, url) = collector().await;
    let mut stack = Stack::start_with(pair, &[("SLUICE_OTLP_URL", &url)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::compliant(4)).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    // The address of its poster names the package.
    let poster = ready["playback"]["poster_url"].as_str().unwrap();
    let package = poster.rsplit('/').nth(2).unwrap().replace('-', "");
    let found = eventually("its root and all parts", PATIENCE, || async {
        let of_film = spans.lock().unwrap().clone();
        let of_film: Vec<_> = of_film.into_iter().filter(|(_, s)| hex::encode(&s.trace_id) == package).collect();
        let names: Vec<&str> = of_film.iter().map(|(_, s)| s.name.as_str()).collect();
        let wanted = ["film", "upload", "plan", "passthrough", "chunk", "audio", "finalize"];
        wanted.iter().all(|w| names.contains(w)).then_some(of_film)
    })
    .await;
    let (_, root) = found.iter().find(|(_, s)| s.name == "film").unwrap();
    assert!(root.parent_span_id.is_empty(), "{root:?}");
    for (service, span) in found.iter().filter(|(_, s)| s.name != "film") {
        assert_eq!(span.parent_span_id, root.span_id, "{span:?}");
        assert!(span.start_time_unix_nano >= root.start_time_unix_nano, "{span:?} of {root:?}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
        let expected = if span.name == "upload" { "sluice-api" } else { "sluice-worker" };
        assert!(service.contains(expected), "{service}: {span:?}");
    }
    // The log of the worker leads to it.
    assert!(stack.workers[0].log().contains(&package), "no trace_id in the log");
}

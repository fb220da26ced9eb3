//! Refusals that arrive: what a refused upload still sends is read before the answer is given.
//!
//! A connection that is closed while the client writes is reset, and the client never sees why it
//! was refused. So a bounded rest of the body is read and thrown away first.

use crate::{error::Code, http::error::ApiError};
use axum::{
    body::{Body, BodyDataStream},
    extract::Request,
    middleware::Next,
    response::Response,
};
use futures::{StreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// Most bytes read in vain; who sends more is cut off.
const MOST_BYTES: usize = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the handler, and reads the rest of the body when it refused.
pub async fn refused_uploads(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let rest = Arc::new(Mutex::new(body.into_data_stream()));
    let shared = stream::unfold(rest.clone(), |rest| async move {
        let chunk = rest.lock().await.next().await?;
        Some((chunk, rest))
    });
    let response = next.run(Request::from_parts(parts, Body::from_stream(shared))).await;
    if is_refusal(&response) {
        drain(&rest).await;
    }
    response
}

/// Whether there may be more of the body: not after one that broke off.
fn is_refusal(response: &Response) -> bool {
    let broken = response.extensions().get::<ApiError>().is_some_and(|e| e.code == Code::UploadInterrupted);
    !broken && (response.status().is_client_error() || response.status().is_server_error())
}

async fn drain(rest: &Mutex<BodyDataStream>) {
    let (mut body, end) = (rest.lock().await, Instant::now() + PATIENCE);
    let mut bytes = 0;
    while bytes < MOST_BYTES {
        match timeout_at(end, body.next()).await {
            Ok(Some(Ok(chunk))) => bytes += chunk.len(),
            _ => return,
        }
    }
}

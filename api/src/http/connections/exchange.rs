//! Requests and answers of a connection: as long as one is under way, the connection is not idle.

use super::connection::Connection;
use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderValue, Request, Response, StatusCode, Version, header},
};
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::Service;

/// Most bytes of an answer that HTTP/2 is given at once: it asks for more when these are taken, which shows that the
/// peer reads.
const AT_ONCE: usize = 64 << 10;

/// In the extensions of requests that came by a connection of the reserve.
#[derive(Debug, Clone, Copy)]
pub struct FromReserve;

/// A service whose requests count as use of a connection.
#[derive(Debug, Clone)]
pub struct Counted<S> {
    inner: S,
    connection: Arc<Connection>,
}

impl<S> Counted<S> {
    pub fn new(inner: S, connection: Arc<Connection>) -> Self {
        Self { inner, connection }
    }
}

impl<S, B> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let exchange = Exchange { id: self.connection.ask(), connection: self.connection.clone() };
        let multiplexed = request.version() == Version::HTTP_2;
        let once = self.connection.from_reserve;
        if once {
            request.extensions_mut().insert(FromReserve);
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                exchange.connection.upgrade();
            }
            if once && !multiplexed {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|inner| Body::new(Answer { inner, rest: Bytes::new(), multiplexed, exchange })))
        })
    }
}

/// A request from its headers to the last byte of its answer.
struct Exchange {
    id: u64,
    connection: Arc<Connection>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.connection.answered(self.id);
    }
}

/// The body of an answer.
struct Answer {
    inner: Body,
    /// What is left of the last piece.
    rest: Bytes,
    multiplexed: bool,
    exchange: Exchange,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.multiplexed {
            // Over HTTP/1 the connection itself stands still when nobody reads.
            return Pin::new(&mut self.inner).poll_frame(cx);
        }
        self.exchange.connection.waiting(self.exchange.id, false);
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let most = self.rest.len().min(AT_ONCE);
        let piece = self.rest.split_to(most);
        self.exchange.connection.waiting(self.exchange.id, true);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, inner) = (self.rest.len() as u64, self.inner.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

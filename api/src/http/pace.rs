//! Bodies of requests: how slowly they may come.
//!
//! A body has a stock of patience, [`Pace::grace`] at first and at most. Waiting for its sender uses the stock up,
//! bytes refill it: so a body that stands still ends after the grace, and one that is slower than [`RATE`] a while later.

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes a second below which a sender is given up on.
const RATE: u32 = 1024;

/// The patience with one sender.
#[derive(Debug)]
struct Pace {
    grace: Duration,
    left: Duration,
}

impl Pace {
    fn new(grace: Duration) -> Self {
        Self { grace, left: grace }
    }

    /// After some waiting so many bytes came.
    fn received(&mut self, waited: Duration, bytes: usize) {
        let refill = Duration::from_secs(1).mul_f64(bytes as f64 / f64::from(RATE));
        self.left = self.left.saturating_sub(waited).saturating_add(refill).min(self.grace);
    }
}

/// A body that ends with an error when its sender is too slow. What the reader takes its time for is not counted.
pub struct PacedBody {
    inner: Body,
    pace: Pace,
    waiting_since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl PacedBody {
    /// `body`, which may stand still for `grace`.
    pub fn over(body: Body, grace: Duration) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self { inner: body, pace: Pace::new(grace), waiting_since: None, alarm: None })
    }

    /// Waits until patience ends.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let end = since + self.pace.left;
        loop {
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // Bytes only ever move the end further away, so the alarm may be early and is never late.
            if alarm.deadline() >= end {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(end);
        }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                let waited = self.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed());
                if let Some(Ok(frame)) = &frame {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    self.pace.received(waited, bytes);
                }
                Poll::Ready(frame)
            }
            Poll::Pending => self.poll_patience(cx).map(|()| {
                let slow = io::Error::new(ErrorKind::TimedOut, "the body of the request comes too slowly");
                Some(Err(axum::Error::new(slow)))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};

    /// After how many seconds a sender of so many bytes every so often is given up on, if within an hour.
    fn given_up(bytes: usize, every_s: u64) -> Option<u64> {
        let mut pace = Pace::new(Duration::from_secs(60));
        let every = Duration::from_secs(every_s);
        for n in 0..3600 / every_s {
            if pace.left <= every {
                return Some((every * n as u32 + pace.left).as_secs());
            }
            pace.received(every, bytes);
        }
        None
    }

    #[test]
    fn slow_senders_are_given_up_on_and_patient_ones_are_not() {
        assert_eq!(given_up(1, 1800), Some(60), "it stands still");
        assert_eq!(given_up(1, 12), Some(60), "a byte now and then is standing still");
        assert_eq!(given_up(512, 1), Some(119), "half the rate uses the grace up at half the speed");
        assert_eq!(given_up(8 << 10, 1), None);
        assert_eq!(given_up(1 << 20, 59), None, "in bursts");
    }

    #[tokio::test]
    async fn a_reader_may_take_its_time() {
        let sent = stream::iter((0..3).map(|_| Ok::<_, io::Error>(Bytes::from_static(b"x"))));
        let silent = sent.chain(stream::pending());
        let mut body = PacedBody::over(Body::from_stream(silent), Duration::from_millis(50)).into_data_stream();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(80)).await;
            assert!(body.next().await.unwrap().is_ok());
        }
        assert!(body.next().await.unwrap().is_err());
    }
}

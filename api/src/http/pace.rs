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

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
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

    /// How long a sender of so many bytes every so often is waited for, of an hour.
    async fn lasts(bytes: usize, every_s: u64) -> u64 {
        let began = Instant::now();
        let sent = stream::unfold((), move |()| async move {
            tokio::time::sleep(Duration::from_secs(every_s)).await;
            Some((Ok::<_, io::Error>(Bytes::from(vec![0; bytes])), ()))
        });
        let sent = sent.take_until(tokio::time::sleep(Duration::from_secs(3600)));
        let mut body = PacedBody::over(Body::from_stream(sent), Duration::from_secs(60)).into_data_stream();
        while body.next().await.is_some_and(|piece| piece.is_ok()) {}
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn slow_senders_are_given_up_on_and_patient_ones_are_not() {
        assert_eq!(lasts(1, 3600).await, 60, "it stands still");
        assert_eq!(lasts(1, 12).await, 60, "a byte now and then is standing still");
        assert_eq!(lasts(512, 1).await, 120, "half the rate uses the grace up at half the speed");
        assert_eq!(lasts(8 << 10, 1).await, 3600);
        assert_eq!(lasts(1 << 20, 59).await, 3600, "in bursts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_may_take_its_time() {
        let sent = stream::iter((0..5).map(|_| Ok::<_, io::Error>(Bytes::from_static(b"x"))));
        let mut body = PacedBody::over(Body::from_stream(sent), Duration::from_secs(60)).into_data_stream();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert!(body.next().await.unwrap().is_ok());
        }
        assert!(body.next().await.is_none());
    }
}

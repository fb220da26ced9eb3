//! How much of a form may be in memory: its parser reads ahead as fast as the sender sends, and looks for the end of a
//! part's headers without bound. So the body stops giving after a while unless something of it was used meanwhile.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::{
    io::{self, ErrorKind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

/// Why a body ends early.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Most bytes that are read before anything of them is used: more than the headers of any part.
const READ_AHEAD: usize = 128 << 10;

/// Bytes that may be read before something of them is used.
#[derive(Debug, Clone)]
pub struct ReadAhead(Arc<AtomicUsize>);

impl Default for ReadAhead {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(READ_AHEAD)))
    }
}

impl ReadAhead {
    /// Something was used, so as much may be read anew.
    pub fn renew(&self) {
        self.0.store(READ_AHEAD, Ordering::Relaxed);
    }

    /// Whether all of it is used up: the form is not cut off then, but too long where it must be short.
    pub fn is_used_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// A body of which no more is read ahead.
    pub fn bound<E, S>(&self, mut data: S) -> impl Stream<Item = Result<Bytes, Error>> + use<E, S>
    where
        E: Into<Error>,
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let ahead = self.clone();
        let mut paused = false;
        futures::stream::poll_fn(move |cx| {
            if ahead.is_used_up() {
                if paused {
                    return Poll::Ready(Some(Err(io::Error::from(ErrorKind::OutOfMemory).into())));
                }
                // The parser now looks at what it has. If it has no use for it, it asks again at once.
                paused = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            paused = false;
            let piece = data.poll_next_unpin(cx);
            if let Poll::Ready(Some(Ok(piece))) = &piece {
                let left = ahead.0.load(Ordering::Relaxed).saturating_sub(piece.len());
                ahead.0.store(left, Ordering::Relaxed);
            }
            piece.map(|p| p.map(|p| p.map_err(Into::into)))
        })
    }
}

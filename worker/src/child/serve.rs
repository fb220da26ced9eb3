//! Serving a running child: source bytes go in, what it makes comes out.
//!
//! Invariant: the child is not believed. What it says is bounded before anything is allocated, and is a message that
//! fits its work, or its run ends.

use super::{ChildError, Death, FromChild, Job, Output, ToChild, log, watch::Watch, wire};
use crate::{plan::SourceFacts, source::SourceReader};
use sluice_hls::MOST_CUES;
use std::io;
use tokio::{net::UnixStream, sync::mpsc};

/// Most bytes that a child is given at once. FFmpeg asks for fewer.
const MOST_READ_BYTES: u32 = 1 << 20;
/// Longest name of a codec or a colour.
const MOST_WORD: usize = 64;

/// Serves one child until it says that it is done (`true`) or closes its socket (`false`).
pub async fn serve(
    mut socket: UnixStream,
    job: Job,
    source: &mut SourceReader,
    watch: &mut Watch,
    outputs: mpsc::Sender<Output>,
) -> Result<bool, ChildError> {
    let start = ToChild::Start(Box::new(job));
    if !delivered(watch.wait(wire::send_async(&mut socket, &start, &[])).await?)? {
        return Ok(false);
    }
    loop {
        let received = watch.wait(wire::receive_async::<FromChild>(&mut socket)).await?;
        let (message, payload) = match received {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(false),
            // A child that dies in the middle of a frame closes its socket, like one that dies between two.
            Err(e) if closed(&e) => return Ok(false),
            // Nothing else arrives from a child in its right mind: a frame too large, a header that is no message.
            Err(e) => return Err(senseless(e.to_string())),
        };
        let output = match message {
            FromChild::Read { offset, length } => {
                watch.read(offset, length.into());
                let read = source.read(offset, length.min(MOST_READ_BYTES) as usize).await;
                let (answer, data): (_, &[u8]) = match &read {
                    Ok(data) => (ToChild::Bytes, data),
                    Err(_) => (ToChild::ReadFailed, &[]),
                };
                let sent = watch.wait(wire::send_async(&mut socket, &answer, data)).await?;
                read.map_err(ChildError::Source)?;
                if !delivered(sent)? {
                    return Ok(false);
                }
                continue;
            }
            FromChild::Alive { pictures } => {
                watch.worked_on(pictures);
                // How far it is, is worth no waiting.
                drop(outputs.try_send(Output::Worked { pictures }));
                continue;
            }
            FromChild::Done => return Ok(true),
            FromChild::Failed(mut failure) => {
                failure.detail = log::clean(failure.detail.as_bytes());
                return Err(ChildError::Refused(failure));
            }
            FromChild::Probed(facts) if words(&facts).all(is_word) => Output::Probed(facts),
            FromChild::Probed(_) => return Err(senseless("facts in words that are none")),
            FromChild::Init { rendition, codecs } if is_word(&codecs) => {
                Output::Init { rendition, codecs, data: payload.into() }
            }
            FromChild::Init { .. } => return Err(senseless("a codec string that is none")),
            FromChild::Segment(made) => Output::Segment { made, data: payload.into() },
            FromChild::Cues(read) if read.cues.len() <= MOST_CUES => Output::Cues(read),
            FromChild::Cues(_) => return Err(senseless("more cues than are kept")),
            FromChild::Image(made) => Output::Image { made, data: payload.into() },
        };
        watch.progressed();
        outputs.send(output).await.map_err(|_| ChildError::GivenUp)?;
    }
}

/// Whether a child was there to take what was sent.
fn delivered(sent: io::Result<()>) -> Result<bool, ChildError> {
    match sent {
        Ok(()) => Ok(true),
        Err(e) if closed(&e) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

fn senseless(detail: impl Into<String>) -> ChildError {
    ChildError::died(Death::Crashed, detail)
}

/// What a probe calls things; some of it goes into playlists.
fn words(facts: &SourceFacts) -> impl Iterator<Item = &str> {
    let video = facts.video.iter().flat_map(|v| {
        let colour = [&v.colour.primaries, &v.colour.transfer, &v.colour.matrix];
        [&v.codec, &v.pixel_format]
            .into_iter()
            .chain(colour)
            .chain(v.kept.iter().flat_map(|k| [&k.codecs].into_iter().chain(&k.supplemental)))
    });
    video.chain(facts.audio.iter().map(|a| &a.codec)).map(String::as_str)
}

/// A name of FFmpeg's, or an RFC 6381 string: it cannot leave its attribute or its line.
fn is_word(text: &str) -> bool {
    text.len() <= MOST_WORD && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_leave_their_attribute() {
        assert!(is_word("avc1.640028") && is_word("mp4a.40.2") && is_word("smpte170m") && is_word(""));
        assert!(!is_word("avc1\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://example.org/") && !is_word(&"a".repeat(65)));
    }
}

//! Pictures of a source in the order they are shown.

use super::{
    EncodeError, ffi,
    link::Link,
    open::{check_memory, counted_ticks, next_packet, source, stream_of, video_decoder},
};
use crate::child::Job;
use ffmpeg_next::{self as ffmpeg, format::context::Input, frame};
use sluice_ingest::container::Entries;

/// Decoded pictures in the order they are shown.
pub struct Pictures<'a> {
    input: Input,
    link: &'a Link,
    job: &'a Job,
    decoder: ffmpeg::decoder::Video,
    stream: usize,
    draining: bool,
    /// Whether nothing has been read yet.
    fresh: bool,
    /// Where nothing says when a picture is shown: when the next one is, and for how long.
    counted: Option<(i64, i64)>,
}

impl<'a> Pictures<'a> {
    /// Pictures of `stream`.
    pub fn new(link: &'a Link, job: &'a Job, stream: usize, threads: usize) -> Result<Self, EncodeError> {
        let mut input = source(link, job)?;
        let decoder = video_decoder(job, &input, stream, threads)?;
        let counted = match job.demuxer.entries() {
            Entries::StartCounted => Some((0, counted_ticks(&stream_of(&input, stream)?))),
            _ => None,
        };
        ffi::discard_others(&mut input, &[stream]);
        Ok(Self { input, link, job, decoder, stream, draining: false, fresh: true, counted })
    }

    /// Goes to the last entry point at or before `timestamp`, or to the very beginning. Where a demuxer cannot, the
    /// source is opened again.
    pub fn seek(&mut self, timestamp: Option<i64>) -> Result<(), EncodeError> {
        let anywhere = self.job.demuxer.entries() == Entries::Marked;
        if !anywhere && self.fresh {
            return Ok(());
        }
        let to = timestamp.unwrap_or(i64::MIN / 2);
        if !anywhere || ffi::seek_backward(&mut self.input, self.stream, to).is_err() {
            self.input = source(self.link, self.job)?;
            ffi::discard_others(&mut self.input, &[self.stream]);
            self.counted = self.counted.map(|(_, ticks)| (0, ticks));
        }
        self.decoder.flush();
        self.draining = false;
        Ok(())
    }

    /// The next picture, or `None` at the end.
    pub fn next(&mut self) -> Option<frame::Video> {
        self.fresh = false;
        loop {
            let mut picture = frame::Video::empty();
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => {
                    // With nobody there to hear it, the next read fails.
                    let _ = self.link.worked_on_a_picture();
                    return Some(picture);
                }
                Err(ffmpeg::Error::Eof) => return None,
                Err(error) => {
                    check_memory(error);
                    if self.draining {
                        return None;
                    }
                }
            }
            match next_packet(&mut self.input, self.stream) {
                // A packet that does not decode is skipped; the timeline shows the picture before it longer.
                Some(packet) => drop(self.decoder.send_packet(&packet).map_err(check_memory)),
                None => {
                    self.draining = true;
                    // Draining a decoder that is already drained is all this can fail at.
                    let _ = self.decoder.send_eof();
                }
            }
        }
    }

    /// When a picture that was just given is shown, in the stream's time base.
    pub fn shown_at(&mut self, picture: &frame::Video) -> Option<i64> {
        match &mut self.counted {
            Some((next, ticks)) => {
                let at = *next;
                *next += *ticks;
                Some(at)
            }
            None => picture.timestamp(),
        }
    }
}

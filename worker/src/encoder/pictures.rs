//! Pictures of a source in the order they are shown.

use super::{
    EncodeError,
    link::Link,
    open::{check_memory, counted_ticks, stream_of, video_decoder},
    packets::Packets,
};
use crate::child::Job;
use ffmpeg_next::{self as ffmpeg, Packet, frame};
use sluice_ingest::container::{Demuxer, Entries};
use std::mem;

/// Decoded pictures in the order they are shown.
pub struct Pictures {
    packets: Packets,
    link: Link,
    decoder: ffmpeg::decoder::Video,
    stream: usize,
    /// Another stream of which all that is read on the way is wanted, and what that was.
    beside: Option<usize>,
    read_beside: Vec<Packet>,
    draining: bool,
    /// Where nothing says when a picture is shown: when the next one is, and for how long.
    counted: Option<(i64, i64)>,
    /// Where some pictures have no time stamps: how long one is shown, and when the next one is.
    followed: Option<(i64, Option<i64>)>,
}

impl Pictures {
    /// Pictures of `stream`.
    pub fn new(link: &Link, job: &Job, stream: usize, threads: usize) -> Result<Self, EncodeError> {
        let mut packets = Packets::open(link, job)?;
        let decoder = video_decoder(job, &packets.input, stream, threads)?;
        let counted = match job.demuxer.entries() {
            Entries::StartCounted => Some((0, counted_ticks(&stream_of(&packets.input, stream)?))),
            _ => None,
        };
        let followed = match job.demuxer {
            Demuxer::MpegPs => Some((counted_ticks(&stream_of(&packets.input, stream)?), None)),
            _ => None,
        };
        packets.keep(&[stream]);
        let (beside, read_beside) = (None, Vec::new());
        let link = link.clone();
        Ok(Self { packets, link, decoder, stream, beside, read_beside, draining: false, counted, followed })
    }

    /// Keeps packets of another stream, too.
    pub fn read_beside(&mut self, stream: usize) {
        self.beside = Some(stream);
        self.packets.keep(&[self.stream, stream]);
    }

    /// Packets of the other stream that were read since the last call.
    pub fn take_beside(&mut self) -> Vec<Packet> {
        mem::take(&mut self.read_beside)
    }

    fn next_packet(&mut self) -> Option<Packet> {
        loop {
            let packet = self.packets.next()?;
            if packet.stream() == self.stream {
                return Some(packet);
            }
            if Some(packet.stream()) == self.beside {
                self.read_beside.push(packet);
            }
        }
    }

    /// Goes to the last entry point at or before `timestamp`, or to the very beginning.
    pub fn seek(&mut self, timestamp: Option<i64>) -> Result<(), EncodeError> {
        self.packets.seek(self.stream, timestamp)?;
        // What is counted is entered at its start only.
        self.counted = self.counted.map(|(_, ticks)| (0, ticks));
        self.followed = self.followed.map(|(ticks, _)| (ticks, None));
        self.decoder.flush();
        self.draining = false;
        Ok(())
    }

    /// The next picture, or `None` at the end.
    pub fn next(&mut self) -> Option<frame::Video> {
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
            match self.next_packet() {
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
            None => {
                let Some((ticks, next)) = &mut self.followed else { return picture.timestamp() };
                let at = picture.timestamp().or(*next);
                *next = at.map(|at| at.saturating_add(*ticks));
                at
            }
        }
    }
}

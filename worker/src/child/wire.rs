//! Frames on the socket: header length, payload length (both u32, little endian), a JSON header, bytes.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A plan with every key frame of a long film fits many times.
const MOST_HEADER: usize = 64 << 20;
/// A segment of the highest rung fits many times.
const MOST_PAYLOAD: usize = 256 << 20;
/// Memory that a length is believed for; more is taken as bytes come.
const FIRST_BYTES: usize = 1 << 20;

fn prefix(header: usize, payload: usize) -> io::Result<[u8; 8]> {
    let fits = |n: usize| u32::try_from(n).map_err(|_| io::Error::other("frame too large"));
    let mut out = [0; 8];
    out[..4].copy_from_slice(&fits(header)?.to_le_bytes());
    out[4..].copy_from_slice(&fits(payload)?.to_le_bytes());
    Ok(out)
}

/// The lengths in a prefix. The peer may be a broken or hostile child: lengths are bounded before
/// anything is allocated.
fn lengths(prefix: [u8; 8]) -> io::Result<(usize, usize)> {
    let [a, b, c, d, e, f, g, h] = prefix;
    let (header, payload) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize);
    if header > MOST_HEADER || payload > MOST_PAYLOAD {
        return Err(io::Error::other("frame too large"));
    }
    Ok((header, payload))
}

/// Sends a frame, blocking.
pub fn send(to: &mut impl Write, message: &impl Serialize, payload: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(message)?;
    to.write_all(&prefix(header.len(), payload.len())?)?;
    to.write_all(&header)?;
    to.write_all(payload)?;
    to.flush()
}

/// Receives a frame, blocking.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let mut head = [0; 8];
    from.read_exact(&mut head)?;
    let (header, payload) = lengths(head)?;
    let mut part = |length: usize| {
        let mut data = Vec::with_capacity(length.min(FIRST_BYTES));
        let read = from.by_ref().take(length as u64).read_to_end(&mut data)?;
        whole(data, read == length)
    };
    let message = serde_json::from_slice(&part(header)?).map_err(io::Error::other)?;
    Ok((message, part(payload)?))
}

/// Sends a frame.
pub async fn send_async(
    to: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
    payload: &[u8],
) -> io::Result<()> {
    let header = serde_json::to_vec(message)?;
    to.write_all(&prefix(header.len(), payload.len())?).await?;
    to.write_all(&header).await?;
    to.write_all(payload).await
}

/// Receives a frame; `None` when the peer has closed the socket between two frames.
/// Not safe to cancel in the middle.
pub async fn receive_async<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut head = [0; 8];
    match from.read_exact(&mut head).await {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let (header, payload) = lengths(head)?;
    let message = serde_json::from_slice(&part(from, header).await?).map_err(io::Error::other)?;
    Ok(Some((message, part(from, payload).await?)))
}

async fn part(from: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Vec<u8>> {
    let mut data = Vec::with_capacity(length.min(FIRST_BYTES));
    let read = from.take(length as u64).read_to_end(&mut data).await?;
    whole(data, read == length)
}

fn whole(data: Vec<u8>, is_whole: bool) -> io::Result<Vec<u8>> {
    if is_whole { Ok(data) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

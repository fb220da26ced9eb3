//! What ffmpeg-next's safe interface lacks. Each function is a few lines with its reason to be sound.
#![allow(unsafe_code)]

use ffmpeg_next::{
    Dictionary, DictionaryRef, Error, Packet, codec, decoder, ffi, format,
    format::context::{Input, StreamIo},
};
use std::{
    ffi::{CStr, CString, c_char},
    mem, ptr,
};

/// An entry of a demuxer's index.
#[derive(Debug, Clone, Copy)]
pub struct IndexEntry {
    /// Decode time stamp, in the stream's time base.
    pub timestamp: i64,
    /// Where its bytes begin in the file.
    pub position: u64,
    /// Bytes.
    pub size: u32,
    /// Whether decoding can begin here.
    pub key: bool,
    /// Whether an edit list hides it.
    pub hidden: bool,
}

/// Opens `io` with the demuxer of this name and no other: no byte of a file chooses one. Of its streams only what the
/// header says is known then.
pub fn open_input(mut io: StreamIo, demuxer: &str, options: Dictionary<'_>) -> Result<Input, Error> {
    let name = CString::new(demuxer).map_err(|_| Error::DemuxerNotFound)?;
    // SAFETY: the name is a C string for the call, demuxers are static. The context is new and exclusively held; when
    // opening fails FFmpeg frees it. Its io is not freed with it (AVFMT_FLAG_CUSTOM_IO) and outlives it: `Input` owns
    // both, and `io` lives until the end of this function where there is none.
    unsafe {
        let format = ffi::av_find_input_format(name.as_ptr());
        if format.is_null() {
            return Err(Error::DemuxerNotFound);
        }
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(Error::Other { errno: ffmpeg_next::error::ENOMEM });
        }
        (*context).pb = io.as_mut_ptr();
        (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        let mut options = options.disown();
        let opened = ffi::avformat_open_input(&raw mut context, ptr::null(), format, &raw mut options);
        drop(Dictionary::own(options));
        if opened < 0 {
            return Err(Error::from(opened));
        }
        Ok(Input::wrap_with_custom_io(context, io))
    }
}

/// Finds out what the streams are by a look at their packets, of which no more than `most` streams are made.
pub fn find_streams(input: &mut Input, most: u32) -> Result<(), Error> {
    // SAFETY: the context is open and exclusively borrowed; options are not given.
    let found = unsafe {
        let context = input.as_mut_ptr();
        (*context).max_streams = i32::try_from(most).unwrap_or(i32::MAX);
        ffi::avformat_find_stream_info(context, ptr::null_mut())
    };
    if found < 0 { Err(Error::from(found)) } else { Ok(()) }
}

/// Seeks to the last entry point at or before `timestamp` of `stream`, in its own time base:
/// the safe call rounds to microseconds, which can miss an entry point by one tick.
pub fn seek_backward(input: &mut format::context::Input, stream: usize, timestamp: i64) -> Result<(), Error> {
    // SAFETY: the context is open and exclusively borrowed; an index out of range is an error code.
    let result = unsafe { ffi::av_seek_frame(input.as_mut_ptr(), stream as i32, timestamp, ffi::AVSEEK_FLAG_BACKWARD) };
    if result < 0 { Err(Error::from(result)) } else { Ok(()) }
}

/// Goes to a byte of the file; the demuxer looks for what it knows from there on.
pub fn seek_byte(input: &mut format::context::Input, position: u64) -> Result<(), Error> {
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    // SAFETY: the context is open and exclusively borrowed; a demuxer that cannot do it says so by an error code.
    let result = unsafe { ffi::av_seek_frame(input.as_mut_ptr(), -1, position, ffi::AVSEEK_FLAG_BYTE) };
    if result < 0 { Err(Error::from(result)) } else { Ok(()) }
}

/// Makes the demuxer drop every stream but `keep`, whatever it dropped before.
pub fn discard_others(input: &mut format::context::Input, keep: &[usize]) {
    let count = input.nb_streams() as usize;
    for index in 0..count {
        let kept = keep.contains(&index);
        let discard = if kept { ffi::AVDiscard::AVDISCARD_DEFAULT } else { ffi::AVDiscard::AVDISCARD_ALL };
        // SAFETY: `index` is below nb_streams, so the pointer is that of a live stream of this context,
        // which is exclusively borrowed.
        unsafe { (**(*input.as_mut_ptr()).streams.add(index)).discard = discard };
    }
}

/// The demuxer's index of a stream, empty where there is none.
pub fn index_entries(stream: &format::stream::Stream<'_>) -> Vec<IndexEntry> {
    // SAFETY: the stream is live for the borrow; both calls only read it, and an entry's pointer is
    // read before anything else can touch the demuxer.
    unsafe {
        let pointer = stream.as_ptr().cast_mut();
        let count = ffi::avformat_index_get_entries_count(pointer);
        (0..count)
            .filter_map(|i| ffi::avformat_index_get_entry(pointer, i).as_ref())
            .map(|e| IndexEntry {
                timestamp: e.timestamp,
                position: e.pos.max(0) as u64,
                size: e.size().max(0) as u32,
                key: e.flags() & ffi::AVINDEX_KEYFRAME != 0,
                hidden: e.flags() & ffi::AVINDEX_DISCARD_FRAME != 0,
            })
            .collect()
    }
}

/// Tells the demuxer where decoding can begin: `timestamp` in the stream's time base, `position` in the file.
pub fn add_index_entry(input: &mut format::context::Input, stream: usize, timestamp: i64, position: u64) {
    if stream >= input.nb_streams() as usize {
        return;
    }
    // SAFETY: the index was just checked, so the pointer is that of a live stream of this context, which is
    // exclusively borrowed. The entry is copied. Without memory the index stays as it was.
    unsafe {
        let pointer = *(*input.as_mut_ptr()).streams.add(stream);
        ffi::av_add_index_entry(pointer, position as i64, timestamp, 0, 0, ffi::AVINDEX_KEYFRAME);
    }
}

/// Number of entries of the demuxer's index of a stream.
pub fn index_length(stream: &format::stream::Stream<'_>) -> usize {
    // SAFETY: the stream is live for the borrow and only read.
    unsafe { ffi::avformat_index_get_entries_count(stream.as_ptr().cast_mut()) }.max(0) as usize
}

/// Whether an edit list hides a packet: decoders drop what they make of it.
pub fn is_hidden(packet: &codec::packet::Packet) -> bool {
    packet.flags().bits() & ffi::AV_PKT_FLAG_DISCARD != 0
}

/// Fields of codec parameters that have no safe reader.
#[derive(Debug, Clone, Copy)]
pub struct ParameterFields {
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
    /// Pixel shape.
    pub pixel_aspect: (i32, i32),
    /// Whether the fields are interlaced.
    pub interlaced: bool,
    /// Codec profile.
    pub profile: i32,
    /// Samples of an audio frame, 0 when unknown.
    pub frame_size: i32,
    /// Samples a second, 0 when unknown.
    pub sample_rate: i32,
    /// Pictures that a decoder holds back to bring them into order.
    pub video_delay: i32,
    /// The container's name of the codec, as bytes in the order of the file.
    pub tag: [u8; 4],
    /// Bits of a sample of sound as it is stored, 0 when unknown.
    pub sample_bits: i32,
}

/// Reads them.
pub fn parameter_fields(parameters: &codec::Parameters) -> ParameterFields {
    // SAFETY: the parameters own a live AVCodecParameters for the borrow, and it is only read.
    let p = unsafe { &*parameters.as_ptr() };
    let interlaced =
        !matches!(p.field_order, ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE | ffi::AVFieldOrder::AV_FIELD_UNKNOWN);
    ParameterFields {
        width: p.width,
        height: p.height,
        pixel_aspect: (p.sample_aspect_ratio.num, p.sample_aspect_ratio.den),
        interlaced,
        profile: p.profile,
        frame_size: p.frame_size,
        sample_rate: p.sample_rate,
        video_delay: p.video_delay,
        tag: p.codec_tag.to_le_bytes(),
        sample_bits: p.bits_per_coded_sample,
    }
}

/// Shape of a stream's pixels, as its container has it.
pub fn stream_aspect(stream: &format::stream::Stream<'_>) -> (i32, i32) {
    // SAFETY: the stream is live for the borrow and only read.
    let aspect = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
    (aspect.num, aspect.den)
}

/// The out-of-band data of codec parameters.
pub fn parameter_extradata(parameters: &codec::Parameters) -> Vec<u8> {
    // SAFETY: as above; FFmpeg keeps `extradata_size` bytes at `extradata`, or null.
    unsafe {
        let p = &*parameters.as_ptr();
        bytes(p.extradata, p.extradata_size)
    }
}

/// The out-of-band data that an opened encoder made.
pub fn encoder_extradata(encoder: &codec::Context) -> Vec<u8> {
    // SAFETY: the context is open for the borrow; the fields are as above.
    unsafe {
        let c = &*encoder.as_ptr();
        bytes(c.extradata, c.extradata_size)
    }
}

/// SAFETY: `pointer` must be null or valid for `size` bytes.
unsafe fn bytes(pointer: *const u8, size: i32) -> Vec<u8> {
    if pointer.is_null() || size <= 0 {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer, size as usize) }.to_vec()
}

/// Says an encoder's colours, in limited range, by their code points (ITU-T H.273).
pub fn set_colour(context: &mut codec::Context, primaries: u8, transfer: u8, matrix: u8) {
    // SAFETY: the context is exclusively borrowed and not yet open. The fields are C enumerations, which are integers that
    // may have any value; they are written as such.
    unsafe {
        let c = context.as_mut_ptr();
        (&raw mut (*c).color_primaries).cast::<i32>().write(primaries.into());
        (&raw mut (*c).color_trc).cast::<i32>().write(transfer.into());
        (&raw mut (*c).colorspace).cast::<i32>().write(matrix.into());
        (*c).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
    }
}

/// Primaries, transfer and matrix of a decoder as code points, and whether they are in full range.
pub fn colour_codes(context: &codec::Context) -> (i32, i32, i32, bool) {
    // SAFETY: the context is live for the borrow. The fields are read as the integers that they are in C, since nothing
    // makes sure that what a file says is among the enumerators.
    unsafe {
        let c = context.as_ptr();
        let range = (&raw const (*c).color_range).cast::<i32>().read();
        (
            (&raw const (*c).color_primaries).cast::<i32>().read(),
            (&raw const (*c).color_trc).cast::<i32>().read(),
            (&raw const (*c).colorspace).cast::<i32>().read(),
            range == ffi::AVColorRange::AVCOL_RANGE_JPEG as i32,
        )
    }
}

/// Bounds what one frame may make a decoder allocate.
pub fn set_max_pixels(context: &mut codec::Context, pixels: u64) {
    // SAFETY: the context is exclusively borrowed and not yet open.
    unsafe { (*context.as_mut_ptr()).max_pixels = pixels as i64 };
}

/// Bytes of a value that are read.
const MOST_VALUE: usize = 4096;

/// A value of a dictionary. The safe call takes it for UTF-8, which nothing in a file need be.
pub fn dictionary_value(dictionary: &DictionaryRef<'_>, key: &str) -> Option<String> {
    let key = CString::new(key).ok()?;
    // SAFETY: the dictionary is live for the borrow and only read; an entry's value is a C string of its own.
    unsafe {
        let entry = ffi::av_dict_get(dictionary.as_ptr(), key.as_ptr(), ptr::null(), 0).as_ref()?;
        if entry.value.is_null() {
            return None;
        }
        let value = CStr::from_ptr(entry.value).to_bytes();
        Some(String::from_utf8_lossy(&value[..value.len().min(MOST_VALUE)]).into_owned())
    }
}

/// What a packet of a text track says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubtitleText {
    /// As it is shown.
    Plain(String),
    /// A dialogue line of ASS, without its times.
    Ass(String),
}

/// What is shown from a moment on, and after how many milliseconds it goes away where the packet itself says so.
pub type SubtitleShown = (Vec<SubtitleText>, Option<u32>);

/// Decodes a packet of a text track; `None` where nothing changes with it. The safe call leaks what it makes, and takes it for
/// UTF-8.
pub fn decode_subtitle(decoder: &mut decoder::Subtitle, packet: &Packet) -> Result<Option<SubtitleShown>, Error> {
    let read = |rect: &ffi::AVSubtitleRect| {
        // SAFETY: texts of a rectangle are null or C strings, as long as it lives.
        unsafe { text(rect.ass).map(SubtitleText::Ass).or_else(|| text(rect.text).map(SubtitleText::Plain)) }
    };
    Ok(decoded(decoder, packet, read)?.map(|(texts, [_, end_ms])| (texts, end_ms)))
}

/// A part of a subtitle that is a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtitleImage {
    /// Place and size on the canvas, pixels.
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    /// Red, green, blue and how little is seen through it, of each pixel.
    pub rgba: Vec<u8>,
}

/// What is shown together, and after how many milliseconds it comes and goes away where the packet itself says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtitleImages {
    /// Size of what it lies on, pixels; 0 where nobody has said.
    pub canvas: (u32, u32),
    pub images: Vec<SubtitleImage>,
    pub start_ms: Option<u32>,
    pub end_ms: Option<u32>,
}

/// Most pixels of a part: more than the whole canvas of any disc has.
const MOST_SUBTITLE_PIXELS: usize = 4096 * 2304;

/// Decodes a packet of a subtitle track of pictures; `None` where nothing changes with it.
pub fn decode_subtitle_images(
    decoder: &mut decoder::Subtitle,
    packet: &Packet,
) -> Result<Option<SubtitleImages>, Error> {
    let Some((images, [start_ms, end_ms])) = decoded(decoder, packet, image)? else { return Ok(None) };
    // SAFETY: the decoder is open; plain numbers are read.
    let (width, height) = unsafe { ((*decoder.as_ptr()).width, (*decoder.as_ptr()).height) };
    let canvas = (width.max(0).unsigned_abs(), height.max(0).unsigned_abs());
    Ok(Some(SubtitleImages { canvas, images, start_ms, end_ms }))
}

fn image(rect: &ffi::AVSubtitleRect) -> Option<SubtitleImage> {
    let (width, height) = (usize::try_from(rect.w).ok()?, usize::try_from(rect.h).ok()?);
    let stride = usize::try_from(rect.linesize[0]).ok()?;
    let fits = stride >= width && width.checked_mul(height).is_some_and(|n| (1..=MOST_SUBTITLE_PIXELS).contains(&n));
    let is_bitmap = rect.type_ == ffi::AVSubtitleType::SUBTITLE_BITMAP && rect.data[..2].iter().all(|p| !p.is_null());
    if !fits || !is_bitmap {
        return None;
    }
    // SAFETY: a bitmap has `linesize` bytes for each of its rows and a palette of 256 colours (AVPALETTE_SIZE), as long as
    // the rectangle lives.
    let (pixels, palette) = unsafe {
        let pixels = std::slice::from_raw_parts(rect.data[0], stride * (height - 1) + width);
        (pixels, std::slice::from_raw_parts(rect.data[1], 4 * 256))
    };
    let colour = |index: u8| {
        let entry = &palette[4 * usize::from(index)..][..4];
        // A palette is of numbers 0xAARRGGBB.
        let argb = u32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]);
        let [alpha, red, green, blue] = argb.to_be_bytes();
        [red, green, blue, alpha]
    };
    let rgba = pixels.chunks(stride).flat_map(|row| row[..width].iter().flat_map(|i| colour(*i))).collect();
    let (width, height) = (rect.w.unsigned_abs(), rect.h.unsigned_abs());
    Some(SubtitleImage { x: rect.x, y: rect.y, width, height, rgba })
}

/// Parts of a subtitle, and after how many milliseconds they come and go.
type Decoded<T> = (Vec<T>, [Option<u32>; 2]);

/// What `read` finds in a decoded packet, and when that comes and goes; `None` where nothing changes with it.
fn decoded<T>(
    decoder: &mut decoder::Subtitle,
    packet: &Packet,
    read: impl Fn(&ffi::AVSubtitleRect) -> Option<T>,
) -> Result<Option<Decoded<T>>, Error> {
    // SAFETY: the decoder is open and exclusively borrowed, the packet live and only read. The subtitle is plain data that
    // the call fills; its rectangles are valid until it is freed, once, here.
    unsafe {
        let mut subtitle: ffi::AVSubtitle = mem::zeroed();
        let mut got = 0;
        let packet = codec::packet::Ref::as_ptr(packet).cast_mut();
        let result = ffi::avcodec_decode_subtitle2(decoder.as_mut_ptr(), &raw mut subtitle, &raw mut got, packet);
        if result < 0 {
            return Err(Error::from(result));
        }
        if got == 0 {
            return Ok(None);
        }
        let rects = (0..subtitle.num_rects as usize).filter_map(|i| (*subtitle.rects.add(i)).as_ref());
        let found = rects.filter_map(read).collect();
        let said = [subtitle.start_display_time, subtitle.end_display_time];
        ffi::avsubtitle_free(&raw mut subtitle);
        Ok(Some((found, said.map(|ms| Some(ms).filter(|ms| *ms > 0 && *ms < u32::MAX)))))
    }
}

/// SAFETY: `pointer` must be null or a C string that lives for the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

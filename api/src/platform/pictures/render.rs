//! From whatever a person uploads to a JPEG that every browser shows: upright, bounded, without what cameras
//! add about places and people. Pure; the client bounds how many run at once.

use crate::platform::PlatformError;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, Limits, RgbImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType, metadata::Orientation,
};
use std::io::Cursor;

/// Most pixels that are decoded: more than phones take, and the bound of what decoding needs.
const MOST_PIXELS: u64 = 50_000_000;
/// Pixels of a side.
const MOST_SIDE: u32 = 20_000;
/// Decoded bytes of one picture. What decoders need beside them may be as much again.
const MOST_ALLOC: u64 = 256 << 20;
/// Largest colour profile that is kept; those of cameras and screens have some kilobytes.
const MOST_PROFILE: usize = 128 << 10;
const QUALITY: u8 = 85;

/// A picture as it is stored.
#[derive(Debug)]
pub struct Rendered {
    pub jpeg: Vec<u8>,
    /// Pixels.
    pub size: (u32, u32),
}

/// Reads a JPEG, PNG, WebP or GIF and writes it as a JPEG that fits into `within`. Never larger than it was.
pub fn render(data: &[u8], within: (u32, u32)) -> Result<Rendered, PlatformError> {
    let mut reader =
        ImageReader::new(Cursor::new(data)).with_guessed_format().map_err(|_| PlatformError::UnsupportedPicture)?;
    if reader.format().is_none() {
        return Err(PlatformError::UnsupportedPicture);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_ALLOC);
    (limits.max_image_width, limits.max_image_height) = (Some(MOST_SIDE), Some(MOST_SIDE));
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS || webp_pixels(data) > MOST_PIXELS {
        return Err(PlatformError::BrokenPicture);
    }
    limits.reserve(decoder.total_bytes()).map_err(broken)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // Colours mean what the profile says; without it, those of newer cameras would look pale.
    let fits = |p: &Vec<u8>| p.len() <= MOST_PROFILE && p.get(16..20) == Some(b"RGB ".as_slice());
    let profile = decoder.icc_profile().ok().flatten().filter(fits);
    // White first: what is transparent has a colour too, which scaling would mix in.
    let mut picture = DynamicImage::from(on_white(DynamicImage::from_decoder(decoder).map_err(broken)?));
    // Turned when it is small; until then its sides are changed over.
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    let lies = matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
    let (most_width, most_height) = if lies { (within.1, within.0) } else { within };
    if picture.width() > most_width || picture.height() > most_height {
        picture = picture.resize(most_width, most_height, FilterType::Triangle);
    }
    picture.apply_orientation(orientation);
    let flat = picture.into_rgb8();
    let size = flat.dimensions();
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| PlatformError::Internal)?;
    }
    encoder.write_image(&flat, size.0, size.1, ExtendedColorType::Rgb8).map_err(|_| PlatformError::Internal)?;
    Ok(Rendered { jpeg, size })
}

/// Pixels of the largest frame that a WebP file has, whatever its canvas claims; 0 for other files. The decoder
/// looks at the frame's size only after it has decoded it (RFC 9649 sections 2.5 and 2.6).
fn webp_pixels(data: &[u8]) -> u64 {
    if data.get(8..12) != Some(b"WEBP".as_slice()) {
        return 0;
    }
    let lossy = data.windows(18).filter(|w| w.starts_with(b"VP8 ") && w[11..14] == [0x9d, 0x01, 0x2a]).map(|w| {
        let side = |i: usize| u64::from(u16::from_le_bytes([w[i], w[i + 1]]) & 0x3fff);
        side(14) * side(16)
    });
    let lossless = data.windows(13).filter(|w| w.starts_with(b"VP8L") && w[8] == 0x2f).map(|w| {
        let bits = u32::from_le_bytes([w[9], w[10], w[11], w[12]]);
        u64::from((bits & 0x3fff) + 1) * u64::from((bits >> 14 & 0x3fff) + 1)
    });
    lossy.chain(lossless).max().unwrap_or(0)
}

fn broken(error: image::ImageError) -> PlatformError {
    tracing::debug!(%error, "picture");
    PlatformError::BrokenPicture
}

/// JPEG knows no transparency.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let mut out = RgbImage::new(picture.width(), picture.height());
    for (to, from) in out.pixels_mut().zip(picture.into_rgba8().pixels()) {
        let alpha = u32::from(from.0[3]);
        for i in 0..3 {
            to.0[i] = ((u32::from(from.0[i]) * alpha + 255 * (255 - alpha)) / 255) as u8;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgba, RgbaImage};

    fn png(width: u32, height: u32, colour: [u8; 4]) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        RgbaImage::from_pixel(width, height, Rgba(colour)).write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    #[test]
    fn pictures_are_bounded_and_keep_their_shape() {
        let made = render(&png(2000, 1000, [10, 20, 30, 255]), (512, 512)).unwrap();
        assert_eq!(made.size, (512, 256));
        let small = render(&png(40, 20, [0, 0, 0, 255]), (512, 512)).unwrap();
        assert_eq!(small.size, (40, 20), "never larger than it was");
    }

    #[test]
    fn what_is_transparent_becomes_white() {
        let made = render(&png(8, 8, [0, 0, 0, 0]), (512, 512)).unwrap();
        let pixel = image::load_from_memory(&made.jpeg).unwrap().into_rgb8().get_pixel(4, 4).0;
        assert!(pixel.iter().all(|c| *c > 250), "{pixel:?}");
    }

    #[test]
    fn pictures_are_turned_upright_and_lose_what_cameras_add() {
        let mut plain = Vec::new();
        RgbImage::new(60, 20).write_with_encoder(JpegEncoder::new(&mut plain)).unwrap();
        // An Exif block (TIFF, little endian): turned by a quarter (tag 0x112 is 6), and a maker's name.
        let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
        tiff.extend(b"\x0f\x01\x02\0\x04\0\0\0ACME");
        tiff.extend(b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0");
        tiff.extend(b"\0\0\0\0");
        let block = [b"Exif\0\0".as_slice(), &tiff].concat();
        let mut turned = plain[..2].to_vec();
        turned.extend([0xff, 0xe1]);
        turned.extend((block.len() as u16 + 2).to_be_bytes());
        turned.extend(&block);
        turned.extend(&plain[2..]);
        let made = render(&turned, (512, 512)).unwrap();
        assert_eq!(made.size, (20, 60));
        assert_eq!(render(&turned, (30, 30)).unwrap().size, (10, 30));
        assert_eq!(render(&turned, (10, 60)).unwrap().size, (10, 30));
        assert!(!made.jpeg.windows(4).any(|w| w == b"Exif" || w == b"ACME"));
    }

    #[test]
    fn what_is_no_picture_or_too_much_of_one_is_refused() {
        assert!(matches!(render(b"<svg onload=alert(1)>", (9, 9)), Err(PlatformError::UnsupportedPicture)));
        let whole = png(100, 100, [1, 2, 3, 255]);
        assert!(matches!(render(&whole[..whole.len() / 2], (9, 9)), Err(PlatformError::BrokenPicture)));
        // A bomb: few bytes that claim 60,000 x 60,000.
        let mut bomb = whole.clone();
        bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let crc = crc32fast::hash(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(render(&bomb, (9, 9)), Err(PlatformError::BrokenPicture)));
        assert!(
            matches!(render(&png(30_000, 2, [0; 4]), (9, 9)), Err(PlatformError::BrokenPicture)),
            "too long a side"
        );
        // A WebP whose canvas is small and whose frame is not.
        let frame = [b"VP8 ".as_slice(), &[0; 4], &[0; 3], &[0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f]].concat();
        assert!(webp_pixels(&[b"RIFF....WEBP".as_slice(), &frame].concat()) > MOST_PIXELS);
        let mut real = Cursor::new(Vec::new());
        RgbaImage::new(30, 20).write_to(&mut real, ImageFormat::WebP).unwrap();
        assert_eq!(webp_pixels(&real.into_inner()), 600);
    }

    #[test]
    fn profiles_are_kept_as_far_as_they_are_profiles() {
        let with = |size: usize| {
            let mut profile = vec![7; size];
            profile[16..20].copy_from_slice(b"RGB ");
            let mut out = Vec::new();
            let mut encoder = image::codecs::png::PngEncoder::new(&mut out);
            encoder.set_icc_profile(profile).unwrap();
            encoder.write_image(&[0; 300], 10, 10, ExtendedColorType::Rgb8).unwrap();
            render(&out, (512, 512)).unwrap().jpeg
        };
        assert!(with(3_000).windows(12).any(|w| w == b"ICC_PROFILE\0"));
        assert!(with(1 << 20).len() < 2_000, "a film in place of a profile is not kept");
    }
}

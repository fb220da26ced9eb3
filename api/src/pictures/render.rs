//! From whatever a person uploads to a JPEG that every browser shows: upright, bounded, without what cameras
//! add about places and people. Pure; the caller bounds how many run at once.

use crate::error::ApiError;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, Limits, RgbImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType, metadata::Orientation,
};
use std::io::Cursor;

/// Most pixels that are decoded: more than phones take, and the bound of what decoding needs.
const MOST_PIXELS: u64 = 50_000_000;
/// Decoded bytes of one picture.
const MOST_ALLOC: u64 = 256 << 20;
const QUALITY: u8 = 85;

/// A picture as it is stored.
#[derive(Debug)]
pub struct Rendered {
    pub jpeg: Vec<u8>,
    /// Pixels.
    pub size: (u32, u32),
}

/// Reads a JPEG, PNG, WebP or GIF and writes it as a JPEG that fits into `within`. Never larger than it was.
pub fn render(data: &[u8], within: (u32, u32)) -> Result<Rendered, ApiError> {
    let mut reader =
        ImageReader::new(Cursor::new(data)).with_guessed_format().map_err(|_| ApiError::UnsupportedPicture)?;
    if reader.format().is_none() {
        return Err(ApiError::UnsupportedPicture);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(ApiError::BrokenPicture);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // Colours mean what the profile says; without it, those of newer cameras would look pale.
    let profile = decoder.icc_profile().ok().flatten().filter(|p| p.get(16..20) == Some(b"RGB ".as_slice()));
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    if picture.width() > within.0.max(within.1) || picture.height() > within.0.max(within.1) {
        let most = within.0.max(within.1);
        picture = picture.resize(most, most, FilterType::Triangle);
    }
    picture.apply_orientation(orientation);
    if picture.width() > within.0 || picture.height() > within.1 {
        picture = picture.resize(within.0, within.1, FilterType::Triangle);
    }
    let flat = on_white(picture);
    let size = flat.dimensions();
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| ApiError::Internal)?;
    }
    encoder.write_image(&flat, size.0, size.1, ExtendedColorType::Rgb8).map_err(|_| ApiError::Internal)?;
    Ok(Rendered { jpeg, size })
}

fn broken(error: image::ImageError) -> ApiError {
    tracing::debug!(%error, "picture");
    ApiError::BrokenPicture
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
        assert!(!made.jpeg.windows(4).any(|w| w == b"Exif" || w == b"ACME"));
    }

    #[test]
    fn what_is_no_picture_or_too_much_of_one_is_refused() {
        assert!(matches!(render(b"<svg onload=alert(1)>", (9, 9)), Err(ApiError::UnsupportedPicture)));
        let whole = png(100, 100, [1, 2, 3, 255]);
        assert!(matches!(render(&whole[..whole.len() / 2], (9, 9)), Err(ApiError::BrokenPicture)));
        // A bomb: few bytes that claim 60,000 x 60,000.
        let mut bomb = whole.clone();
        bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let crc = crc32fast::hash(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(render(&bomb, (9, 9)), Err(ApiError::BrokenPicture)));
    }
}

//! The one size that a film's pictures are shown in, and how each of them is fitted into it.
//!
//! Recordings change their size: calls begin small, telephones are turned. Rungs cannot, so the canvas is what most of
//! the film needs, and the rest has bars beside it. Nothing is stretched.

use super::facts::{SizeSpan, VideoFacts};

/// Shapes that differ by less are one.
const SAME_SHAPE: f64 = 0.015;
/// A larger picture of the same shape counts from this share of the film on.
const WORTH: f64 = 0.1;
/// Pixels that are stretched by more than this are taken for square: no camera makes them.
const MOST_STRETCHED: f64 = 10.0;

/// Pixels of a coded size as shown: with square pixels, not turned.
pub fn square(width: u32, height: u32, pixel_aspect: (u32, u32)) -> (u32, u32) {
    let aspect = stretch(pixel_aspect);
    // Stretching the narrower side keeps every coded pixel.
    let (w, h) = if aspect >= 1.0 {
        (f64::from(width) * aspect, f64::from(height))
    } else {
        (f64::from(width), f64::from(height) / aspect)
    };
    (w.round() as u32, h.round() as u32)
}

fn stretch((num, den): (u32, u32)) -> f64 {
    let aspect = f64::from(num) / f64::from(den);
    let sound = num > 0 && den > 0 && (1.0 / MOST_STRETCHED..=MOST_STRETCHED).contains(&aspect);
    if sound { aspect } else { 1.0 }
}

/// The size of the canvas, turned upright.
pub fn canvas(video: &VideoFacts) -> (u32, u32) {
    let (w, h) = upright(video);
    if video.quarter_turns % 2 == 1 { (h, w) } else { (w, h) }
}

fn upright(video: &VideoFacts) -> (u32, u32) {
    let shown = |s: &SizeSpan| square(s.width, s.height, s.pixel_aspect);
    let Some(longest) = longest_shape(&video.sizes) else {
        return square(video.width, video.height, video.pixel_aspect);
    };
    let alike: Vec<&SizeSpan> = video.sizes.iter().filter(|s| same_shape(shown(s), longest)).collect();
    let film_s: f64 = video.sizes.iter().map(|s| s.seconds).sum();
    let area = |s: &SizeSpan| u64::from(shown(s).0) * u64::from(shown(s).1);
    let worth = |s: &&&SizeSpan| {
        alike.iter().filter(|other| area(other) >= area(s)).map(|other| other.seconds).sum::<f64>() >= film_s * WORTH
    };
    alike.iter().filter(worth).max_by_key(|s| area(s)).map_or(longest, |s| shown(s))
}

/// A size of the shape that most of the film has; of two that have as much, the first.
fn longest_shape(sizes: &[SizeSpan]) -> Option<(u32, u32)> {
    let mut shapes: Vec<((u32, u32), f64)> = Vec::new();
    for span in sizes {
        let shown = square(span.width, span.height, span.pixel_aspect);
        match shapes.iter_mut().find(|(s, _)| same_shape(*s, shown)) {
            Some((_, seconds)) => *seconds += span.seconds,
            None => shapes.push((shown, span.seconds)),
        }
    }
    // A second more or less is no reason to show half of a film small.
    shapes.into_iter().reduce(|best, next| if next.1 > best.1 + 1.0 { next } else { best }).map(|s| s.0)
}

fn same_shape(a: (u32, u32), b: (u32, u32)) -> bool {
    let shape = |s: (u32, u32)| f64::from(s.0.max(1)) / f64::from(s.1.max(1));
    (shape(a) / shape(b) - 1.0).abs() < SAME_SHAPE
}

/// The largest even size of the shape `shown` within `width` x `height`; `None` where the whole is its shape.
pub fn inside(shown: (u32, u32), width: u32, height: u32) -> Option<(u32, u32)> {
    // A pixel that was rounded away makes no bar.
    let scale = (f64::from(width) / f64::from(shown.0.max(1))).min(f64::from(height) / f64::from(shown.1.max(1)));
    let side = |side: u32, most: u32| (((f64::from(side) * scale / 2.0).round() as u32) * 2).clamp(2, most);
    let fitted = (side(shown.0, width), side(shown.1, height));
    let whole = same_shape(shown, (width, height)) || (width - fitted.0 <= 2 && height - fitted.1 <= 2);
    (!whole).then_some(fitted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ladder::tests::source;

    fn span(width: u32, height: u32, seconds: f64) -> SizeSpan {
        SizeSpan { width, height, pixel_aspect: (1, 1), seconds }
    }

    fn of(sizes: Vec<SizeSpan>) -> (u32, u32) {
        canvas(&VideoFacts { sizes, ..source(640, 360) })
    }

    #[test]
    fn one_size_is_its_own_canvas() {
        assert_eq!(of(Vec::new()), (640, 360));
        assert_eq!(of(vec![span(640, 360, 10.0)]), (640, 360));
        assert_eq!(canvas(&VideoFacts { quarter_turns: 1, ..source(640, 360) }), (360, 640));
        assert_eq!(canvas(&VideoFacts { pixel_aspect: (64, 45), ..source(720, 576) }), (1024, 576));
        assert_eq!(canvas(&VideoFacts { pixel_aspect: (65_000, 1), ..source(720, 576) }), (720, 576));
    }

    #[test]
    fn most_of_the_film_chooses() {
        // A call that begins small.
        assert_eq!(of(vec![span(160, 90, 2.0), span(640, 360, 6.0)]), (640, 360));
        assert_eq!(of(vec![span(320, 180, 50.0), span(640, 360, 10.0)]), (640, 360));
        // Nobody misses the sharpness of a moment.
        assert_eq!(of(vec![span(320, 180, 99.0), span(1280, 720, 1.0)]), (320, 180));
        // A telephone that is turned.
        assert_eq!(of(vec![span(640, 360, 4.0), span(360, 640, 4.0)]), (640, 360));
        assert_eq!(of(vec![span(640, 360, 4.0), span(360, 640, 40.0)]), (360, 640));
        // 4:3 and 16:9 in one broadcast.
        let wide = SizeSpan { pixel_aspect: (64, 45), ..span(720, 576, 60.0) };
        let narrow = SizeSpan { pixel_aspect: (16, 15), ..span(720, 576, 20.0) };
        assert_eq!(of(vec![narrow, wide]), (1024, 576));
    }

    #[test]
    fn what_has_another_shape_is_fitted_with_bars() {
        assert_eq!(inside((640, 360), 640, 360), None);
        assert_eq!(inside((160, 90), 640, 360), None);
        assert_eq!(inside((853, 481), 852, 480), None);
        assert_eq!(inside((360, 640), 640, 360), Some((202, 360)));
        assert_eq!(inside((768, 576), 1024, 576), Some((768, 576)));
        assert_eq!(inside((1920, 800), 640, 360), Some((640, 266)));
    }
}

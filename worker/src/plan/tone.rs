//! HDR into SDR: what the curve of Report ITU-R BT.2446 does to light, as filters.
//!
//! The curve is that of its method C: straight up to where skin and most of a picture are, logarithmic above. Unlike there
//! it reaches the white of SDR at the peak and not beyond, because players cut what is whiter than white. Reference white
//! (203 cd/m2, Report ITU-R BT.2408) becomes 92 % of the signal. It is looked up for each of red, green and blue of BT.709:
//! below the knee colours keep their hue exactly, brighter ones lose some of their saturation, as they do on film.

use super::facts::Colour;

/// Light of the brightest pixel, cd/m2: that of HLG's reference display, and what most PQ is graded on.
const PEAK_NITS: f64 = 1000.0;
/// White of SDR, cd/m2.
const WHITE_NITS: f64 = 100.0;
/// Slope of the straight part (BT.2446, method C).
const SLOPE: f64 = 0.838_02;
/// Where it ends, as light in SDR, cd/m2.
const KNEE_NITS: f64 = 58.5;

/// How quickly the logarithm bends: the curve is smooth at the knee and meets white at the peak.
fn bend() -> f64 {
    let over = PEAK_NITS / (KNEE_NITS / SLOPE);
    let missed = |bend: f64| bend * ((over - 1.0 + bend) / bend).ln() - (WHITE_NITS / KNEE_NITS - 1.0);
    let (mut low, mut high) = (1e-3, 1.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if missed(middle) > 0.0 { high = middle } else { low = middle }
    }
    low
}

/// Filters from HDR in luma and chroma, or in RGB, to SDR of BT.709 in luma and chroma.
pub fn to_sdr(colour: &Colour, rgb: bool) -> String {
    let matrix = match colour.matrix.as_str() {
        _ if rgb => "gbr",
        known @ ("bt709" | "smpte170m" | "bt470bg" | "bt2020c" | "ictcp") => known,
        _ => "bt2020nc",
    };
    let primaries = match colour.primaries.as_str() {
        known @ ("bt709" | "smpte431" | "smpte432") => known,
        _ => "bt2020",
    };
    let (format, range) = if rgb { ("gbrp12le", "full") } else { ("yuv420p10le", "limited") };
    let curve = curve();
    format!(
        "format={format},zscale=min={matrix}:pin={primaries}:tin={}:rin={range}:m=gbr:p=bt709:t=smpte2084:r=full,\
         format=gbrp12le,lutrgb=r='{curve}':g='{curve}':b='{curve}',\
         zscale=min=gbr:rin=full:m=bt709:r=limited",
        colour.transfer
    )
}

/// From a PQ code to a code of gamma 2.4, as FFmpeg's expression (PQ: SMPTE ST 2084).
fn curve() -> String {
    let (knee_in, bend) = (KNEE_NITS / SLOPE, bend());
    format!(
        "st(0,pow(val/maxval,1/78.84375));\
         st(1,10000*pow(max(ld(0)-0.8359375,0)/(18.8515625-18.6875*ld(0)),1/0.1593017578125));\
         st(2,if(lt(ld(1),{knee_in:.4}),{SLOPE}*ld(1),{KNEE_NITS}*(1+{bend:.6}*log((ld(1)/{knee_in:.4}-1+{bend:.6})/{bend:.6}))));\
         maxval*pow(min(ld(2)/{WHITE_NITS},1),1/2.4)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The curve in numbers: light in, share of the signal out.
    fn signal(nits: f64) -> f64 {
        let (knee_in, bend) = (KNEE_NITS / SLOPE, bend());
        let sdr = if nits < knee_in {
            SLOPE * nits
        } else {
            KNEE_NITS * (1.0 + bend * ((nits / knee_in - 1.0 + bend) / bend).ln())
        };
        (sdr / WHITE_NITS).min(1.0).powf(1.0 / 2.4)
    }

    #[test]
    fn reference_levels_come_out_where_they_belong() {
        for (what, nits, low, high) in [
            ("black", 0.0, 0.0, 0.0),
            ("a grey card", 26.0, 0.50, 0.56),
            ("bright skin", 60.0, 0.72, 0.78),
            ("reference white", 203.0, 0.90, 0.96),
            ("the peak", 1000.0, 0.999, 1.0),
            ("beyond", 10_000.0, 1.0, 1.0),
        ] {
            let got = signal(nits);
            assert!((low..=high).contains(&got), "{what}: {got}");
        }
        assert!((1..2000).all(|n| signal(f64::from(n)) >= signal(f64::from(n - 1))));
    }

    #[test]
    fn unknown_tags_are_those_of_bt2100() {
        let colour = Colour {
            primaries: "unknown".into(),
            transfer: "arib-std-b67".into(),
            matrix: "reserved".into(),
            full_range: false,
        };
        assert!(
            to_sdr(&colour, false).starts_with("format=yuv420p10le,zscale=min=bt2020nc:pin=bt2020:tin=arib-std-b67:")
        );
        let display = Colour { primaries: "smpte432".into(), transfer: "smpte2084".into(), ..colour };
        assert!(to_sdr(&display, false).contains("pin=smpte432:tin=smpte2084:"));
    }
}

//! The filter graph of a chunk as text: one decode, cascaded scaling.

use super::{Picture, Rung};
use std::fmt::Write;

/// A graph from `[in]` to `[o0]`, `[o1]`, ... for `rungs`, highest first. Each rung is scaled from
/// the one above it, which costs less than scaling all from the source and looks the same.
pub fn filter_graph(picture: &Picture, rungs: &[Rung]) -> String {
    let mut steps: Vec<String> = Vec::new();
    if picture.interlaced {
        steps.push("bwdif=mode=send_frame:deint=all".to_owned());
    }
    match picture.quarter_turns % 4 {
        1 => steps.push("transpose=clock".to_owned()),
        2 => steps.extend(["hflip".to_owned(), "vflip".to_owned()]),
        3 => steps.push("transpose=cclock".to_owned()),
        _ => {}
    }
    if picture.hdr {
        let colour = &picture.colour;
        let transfer = &colour.transfer;
        // Reference white at 203 cd/m2 (ITU-R BT.2408), BT.2020 primaries where nothing is said.
        steps.push(format!(
            "zscale=tin={transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
             tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
        ));
    }
    let mut graph = String::new();
    let mut from = "in".to_owned();
    for (i, rung) in rungs.iter().enumerate() {
        let mut chain = if i == 0 { steps.clone() } else { Vec::new() };
        let range = if i == 0 && picture.colour.full_range && !picture.hdr { ":in_range=pc:out_range=tv" } else { "" };
        chain.push(format!("scale={}:{}:flags=bicubic{range}", rung.width, rung.height));
        chain.push("setsar=1".to_owned());
        chain.push("format=yuv420p".to_owned());
        let last = i + 1 == rungs.len();
        let tail = if last { format!("[o{i}]") } else { format!(",split=2[o{i}][s{i}];") };
        // Writing into a String cannot fail.
        let _ = write!(graph, "[{from}]{}{tail}", chain.join(","));
        from = format!("s{i}");
    }
    graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Colour, EncodeSettings, Rate, ladder};

    fn graph(change: impl Fn(&mut Picture)) -> String {
        let unknown = || "unknown".to_owned();
        let colour = Colour { primaries: unknown(), transfer: unknown(), matrix: unknown(), full_range: false };
        let mut picture = Picture { quarter_turns: 0, interlaced: false, hdr: false, colour, coded_pixels: 0 };
        change(&mut picture);
        let settings = EncodeSettings::default();
        let rungs = ladder::ladder(&ladder::tests::source(480, 270), Rate { num: 25, den: 1 }, &settings);
        filter_graph(&picture, &rungs)
    }

    #[test]
    fn each_rung_is_scaled_from_the_one_above() {
        assert_eq!(
            graph(|_| ()),
            "[in]scale=480:270:flags=bicubic,setsar=1,format=yuv420p,split=2[o0][s0];\
             [s0]scale=256:144:flags=bicubic,setsar=1,format=yuv420p[o1]"
        );
    }

    #[test]
    fn turning_and_weaving_come_before_scaling() {
        let text = graph(|p| {
            p.quarter_turns = 1;
            p.interlaced = true;
            p.colour.full_range = true;
        });
        assert!(text.starts_with("[in]bwdif=mode=send_frame:deint=all,transpose=clock,scale=480:270:flags=bicubic:in_range=pc:out_range=tv,"), "{text}");
    }
}

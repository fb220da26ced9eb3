//! Init segments: ftyp and moov, one track, no samples, no edit list.

use super::BoxError;
use mp4_atom::{
    Audio, Avc1, Avcc, Codec, Colr, Dinf, Dref, DrefEntry, Encode, Esds, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mp4a,
    Mvex, Mvhd, Smhd, Stbl, Stco, Stsc, Stsd, Stsz, StszSamples, Stts, Tkhd, Trak, Trex, Url, Visual, Vmhd,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};

const TRACK: u32 = 1;

/// The init segment of an H.264 rendition with these parameter sets.
pub fn avc_init(sps: &[u8], pps: &[u8], width: u16, height: u16, timescale: u32) -> Result<Vec<u8>, BoxError> {
    let mut avcc = Avcc::new(sps, pps)?;
    avcc.length_size = 4;
    let entry = Avc1 {
        visual: Visual { data_reference_index: 1, width, height, ..Default::default() },
        avcc,
        btrt: None,
        colr: None::<Colr>,
        pasp: None,
        taic: None,
        fiel: None,
        spatial: None,
    };
    video_init(Entry { codec: Codec::Avc1(entry), timescale, size: (width, height) })
}

/// What an init segment of a picture is made of.
pub struct Entry {
    pub codec: Codec,
    pub timescale: u32,
    pub size: (u16, u16),
}

/// The init segment of a picture with this sample entry.
pub fn video_init(entry: Entry) -> Result<Vec<u8>, BoxError> {
    let minf = |stbl| Minf { vmhd: Some(Vmhd::default()), ..minf(stbl) };
    init(entry.codec, b"vide", entry.timescale, entry.size, minf)
}

/// The init segment of an AAC rendition with this AudioSpecificConfig.
pub fn aac_init(config: &[u8], channels: u16, sample_rate: u32, bit_rate: u32) -> Result<Vec<u8>, BoxError> {
    let short_rate = u16::try_from(sample_rate).map_err(|_| BoxError::Broken("sample rate"))?;
    let [a, b, ..] = *config else { return Err(BoxError::Broken("AudioSpecificConfig")) };
    let specific = DecoderSpecific {
        profile: a >> 3,
        freq_index: ((a & 7) << 1) | (b >> 7),
        chan_conf: (b >> 3) & 15,
        raw: config.to_vec(),
    };
    let entry = Mp4a {
        audio: Audio {
            data_reference_index: 1,
            channel_count: channels,
            sample_size: 16,
            sample_rate: short_rate.into(),
        },
        esds: Esds {
            es_desc: EsDescriptor {
                es_id: 0,
                depends_on_es_id: None,
                url: None,
                ocr_es_id: None,
                stream_priority: 0,
                dec_config: DecoderConfig {
                    object_type_indication: 0x40,
                    stream_type: 5,
                    up_stream: 0,
                    buffer_size_db: Default::default(),
                    max_bitrate: bit_rate,
                    avg_bitrate: bit_rate,
                    dec_specific: Some(specific),
                },
                sl_config: SLConfig::default(),
            },
        },
        btrt: None,
        taic: None,
    };
    let minf = |stbl| Minf { smhd: Some(Smhd::default()), ..minf(stbl) };
    init(Codec::Mp4a(entry), b"soun", sample_rate, (0, 0), minf)
}

/// Boxes from the outermost to the sample entry, and where the children of each begin after its own beginning.
const TO_SAMPLE_ENTRY: [(&[u8; 4], usize); 6] =
    [(b"moov", 8), (b"trak", 8), (b"mdia", 8), (b"minf", 8), (b"stbl", 8), (b"stsd", 16)];

/// Adds a box to the end of the sample entry: boxes that mp4-atom does not write.
pub fn extend_sample_entry(init: &mut Vec<u8>, added: &[u8]) -> Result<(), BoxError> {
    let broken = || BoxError::Broken("no sample entry");
    let size_at = |data: &[u8], at: usize| {
        data.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes).filter(|s| *s >= 8)
    };
    let (mut at, mut parents) = (0, Vec::new());
    for (kind, children) in TO_SAMPLE_ENTRY {
        while init.get(at + 4..at + 8).ok_or_else(broken)? != kind {
            at += size_at(init, at).ok_or_else(broken)? as usize;
        }
        parents.push(at);
        at += children;
    }
    parents.push(at);
    let end = at + size_at(init, at).ok_or_else(broken)? as usize;
    for parent in parents {
        let size = size_at(init, parent).ok_or_else(broken)? + added.len() as u32;
        init[parent..parent + 4].copy_from_slice(&size.to_be_bytes());
    }
    if end > init.len() {
        return Err(broken());
    }
    init.splice(end..end, added.iter().copied());
    Ok(())
}

/// RFC 6381 string of an H.264 sequence parameter set.
pub fn avc_codecs(sps: &[u8]) -> Option<String> {
    let [_, profile, constraints, level, ..] = *sps else { return None };
    Some(format!("avc1.{profile:02x}{constraints:02x}{level:02x}"))
}

fn minf(stbl: Stbl) -> Minf {
    let url = Url { location: String::new() };
    Minf { dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(url)] } }, stbl, ..Default::default() }
}

fn init(
    entry: Codec,
    handler: &[u8; 4],
    timescale: u32,
    size: (u16, u16),
    minf: impl Fn(Stbl) -> Minf,
) -> Result<Vec<u8>, BoxError> {
    let stbl = Stbl {
        stsd: Stsd { codecs: vec![entry] },
        stts: Stts::default(),
        stsc: Stsc::default(),
        stsz: Stsz { samples: StszSamples::Identical { count: 0, size: 0 } },
        stco: Some(Stco::default()),
        ..Default::default()
    };
    let sound = handler == b"soun";
    let moov = Moov {
        mvhd: Mvhd { timescale, rate: 1.into(), volume: 1.into(), next_track_id: TRACK + 1, ..Default::default() },
        mvex: Some(Mvex {
            mehd: None,
            trex: vec![Trex { track_id: TRACK, default_sample_description_index: 1, ..Default::default() }],
        }),
        trak: vec![Trak {
            tkhd: Tkhd {
                track_id: TRACK,
                enabled: true,
                in_movie: true,
                alternate_group: u16::from(sound),
                volume: u8::from(sound).into(),
                width: size.0.into(),
                height: size.1.into(),
                ..Default::default()
            },
            mdia: Mdia {
                mdhd: Mdhd { timescale, language: "und".to_owned(), ..Default::default() },
                hdlr: Hdlr { handler: handler.into(), name: String::new() },
                minf: minf(stbl),
            },
            ..Default::default()
        }],
        ..Default::default()
    };
    let brands = [b"iso6", b"cmfc", b"mp41"];
    let ftyp =
        Ftyp { major_brand: b"iso6".into(), minor_version: 0, compatible_brands: brands.map(Into::into).to_vec() };
    let mut out = Vec::new();
    ftyp.encode(&mut out)?;
    moov.encode(&mut out)?;
    Ok(out)
}

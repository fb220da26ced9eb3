//! What a file that is not accepted is: a refusal that says so is understood. Names only; nothing here decides.

/// First bytes and what they are of.
const MAGICS: &[(&[u8], &str)] = &[
    (b"#EXTM3U", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"[playlist]", "a playlist"),
    (b"v=0", "a session description"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"#!/", "a script"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"8BPS", "a Photoshop picture"),
    (b".RMF", "RealMedia"),
    (b"DKIF", "IVF"),
    (b"YUV4MPEG2", "uncompressed YUV4MPEG2"),
    (b"FWS", "a Flash program"),
    (b"CWS", "a Flash program"),
    (b"ZWS", "a Flash program"),
    (b"MThd", "MIDI"),
    (b"Extended Module:", "tracker music"),
    (b"nut/multimedia", "NUT"),
    (b"DTSHDHDR", "DTS-HD with a file header"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b"tBaK", "TAK"),
    (b"\xb7\xd8\x00\x20", "a recording of Windows Media Center"),
    (b"SQLite format 3", "a database"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"{\\rtf", "a document"),
];

/// What could be anything.
pub const UNKNOWN: &str = "of an unknown kind";

/// A name for bytes that are not accepted, as it stands in "The file is ...".
pub fn name(head: &[u8]) -> &'static str {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    if head.is_empty() {
        return "empty";
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return if head.windows(4).any(|w| w == b"ANIM") { "an animated WebP picture" } else { "a WebP picture" };
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| at(0, magic)) {
        return name;
    }
    let start = head.trim_ascii_start();
    if start.first() == Some(&b'<') {
        return "a web page or another document of marks";
    }
    if is_text(head) { "text" } else { UNKNOWN }
}

/// Whether the bytes are written characters: no control characters but those of lines, in UTF-8 as far as they go.
pub fn is_text(head: &[u8]) -> bool {
    let plain = head.iter().all(|b| *b >= 0x20 || matches!(b, b'\t' | b'\n' | b'\r' | 0x0c));
    let utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character that the first bytes cut through.
        Err(e) => e.error_len().is_none(),
    };
    !head.is_empty() && plain && utf8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_has_a_name() {
        for (head, named) in [
            (&b"PK\x03\x04..."[..], "a ZIP archive or an office document"),
            (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\0\0\0\0\0\0ANIM", "an animated WebP picture"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
            (b"\n <!doctype html>", "a web page or another document of marks"),
            (b"gr\xc3\xbc\xc3\x9fe", "text"),
            (b"\x01\x02", "of an unknown kind"),
            (b"", "empty"),
        ] {
            assert_eq!(name(head), named);
        }
    }
}

//! Markdown to HTML that is safe to show: what people type is text, whatever it looks like.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};
use sluice_model::MediaId;
use std::collections::HashSet;

/// Renders a post. Embedded media become links to their playlists, marked for players of web apps.
pub fn render(markdown: &str, base: &str) -> String {
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    let mut embedding = false;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        // HTML that was typed is shown, not meant.
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Image { dest_url, title, .. }) if media_of(&dest_url).is_some() => {
            embedding = true;
            let url = media_of(&dest_url).map(|id| format!("{base}/hls/{id}/index.m3u8")).unwrap_or_default();
            Event::Start(Tag::Link {
                link_type: LinkType::Inline,
                dest_url: CowStr::from(url),
                title,
                id: CowStr::Borrowed(""),
            })
        }
        Event::End(TagEnd::Image) if embedding => {
            embedding = false;
            Event::End(TagEnd::Link)
        }
        other => other,
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    // A second, independent look: whatever the renderer made, nothing but this remains.
    ammonia::Builder::default()
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("noopener noreferrer nofollow ugc"))
        .clean(&html)
        .to_string()
}

fn media_of(url: &str) -> Option<MediaId> {
    url.strip_prefix("media:")?.parse().ok()
}

/// Deepest nesting of quotes and lists that is rendered: the time that nesting takes grows with its square.
pub const DEEPEST: usize = 30;

/// How deep a post is nested.
pub fn depth(markdown: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for event in Parser::new(markdown) {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The media that a post embeds, in order.
pub fn embedded(markdown: &str) -> Vec<MediaId> {
    let mut found = Vec::new();
    for event in Parser::new(markdown) {
        if let Event::Start(Tag::Image { dest_url, .. }) = event
            && let Some(id) = media_of(&dest_url)
            && !found.contains(&id)
        {
            found.push(id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn media_are_embedded_as_links() {
        let id = MediaId::from(Uuid::from_u128(7));
        let markdown = format!("# Hi\n\n![my film](media:{id}) and ![a picture](https://example.org/a.png)");
        let html = render(&markdown, "https://video.example.org");
        assert!(html.contains(&format!("href=\"https://video.example.org/hls/{id}/index.m3u8\"")), "{html}");
        assert!(html.contains(">my film</a>") && html.contains("<h1>Hi</h1>"), "{html}");
        assert!(html.contains("<img src=\"https://example.org/a.png\""), "{html}");
        assert_eq!(embedded(&markdown), [id]);
    }

    #[test]
    fn depth_is_seen_before_it_costs() {
        assert_eq!(depth("plain"), 1);
        assert!(depth("> - > - quoted") <= DEEPEST);
        assert!(depth(&">".repeat(100_000)) > DEEPEST);
        assert!(depth(&"+ ".repeat(10_000)) > DEEPEST);
    }

    #[test]
    fn nothing_runs() {
        for bad in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "![x](javascript:alert(1))",
            "[x](data:text/html,<script>alert(1)</script>)",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<iframe src=https://evil.example></iframe>",
            "<svg onload=alert(1)>",
            "<style>*{display:none}</style>",
            "[x](vbscript:x)",
        ] {
            let html = render(bad, "");
            let live = [
                "<script",
                "<iframe",
                "<svg",
                "<style",
                "<a href=\"javascript",
                "<img src=\"javascript",
                "<a href=\"data",
                "<a href=\"vbscript",
                "<img src=\"x\"",
            ];
            assert!(live.iter().all(|l| !html.contains(l)), "{bad} -> {html}");
        }
    }
}

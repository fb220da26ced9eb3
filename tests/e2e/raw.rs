//! `/raw`: the uploaded bytes, whole and in ranges.

use harness::{Client, Pair, Stack, client::problem, fixtures};
use reqwest::{Method, Response, StatusCode};

harness::on_both!(ranges_follow_rfc_9110, ranges_amplify_nothing);

async fn raw(client: &Client, id: &str, method: Method, headers: &[(&str, &str)]) -> Response {
    let mut request = client.request(method, &format!("/raw/{id}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn ranges_follow_rfc_9110(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    // Larger than one extent of 8 MiB: a film with filler that no player reads.
    let mut data = std::fs::read(fixtures::compliant(10)).unwrap();
    let free = 20_000_000_u32;
    data.extend_from_slice(&free.to_be_bytes());
    data.extend_from_slice(b"free");
    data.extend((0..free - 8).map(|i| (i / 7 % 253) as u8));
    let file = stack.folder().join("large.mp4");
    std::fs::write(&file, &data).unwrap();
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();

    let whole = raw(&client, &id, Method::GET, &[]).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["content-type"], "video/mp4");
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert!(whole.bytes().await.unwrap() == data);

    let size = data.len();
    let seam = 8 << 20;
    let cases = [
        ("bytes=0-0".to_owned(), 0..1),
        (format!("bytes={}-{}", seam - 10, seam + 9), seam - 10..seam + 10),
        (format!("bytes={}-", size - 5), size - 5..size),
        ("bytes=-7".to_owned(), size - 7..size),
        (format!("bytes=100-{}", usize::MAX / 2), 100..size),
    ];
    for (text, range) in cases {
        let part = raw(&client, &id, Method::GET, &[("range", &text)]).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{text}");
        assert_eq!(part.headers()["content-range"], format!("bytes {}-{}/{size}", range.start, range.end - 1));
        assert_eq!(part.headers()["content-length"], range.len().to_string());
        assert!(part.bytes().await.unwrap() == data[range], "{text}");
    }

    let head = raw(&client, &id, Method::HEAD, &[("range", "bytes=5-9")]).await;
    assert_eq!(
        (head.status(), head.headers()["content-length"].to_str().unwrap()),
        (StatusCode::OK, size.to_string().as_str())
    );
    assert_eq!(head.bytes().await.unwrap().len(), 0);

    let same = raw(&client, &id, Method::GET, &[("if-none-match", &etag)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let current = raw(&client, &id, Method::GET, &[("range", "bytes=0-3"), ("if-range", &etag)]).await;
    assert_eq!(current.status(), StatusCode::PARTIAL_CONTENT);
    let stale = raw(&client, &id, Method::GET, &[("range", "bytes=0-3"), ("if-range", "\"other\"")]).await;
    assert_eq!((stale.status(), stale.bytes().await.unwrap().len()), (StatusCode::OK, size));

    let outside = raw(&client, &id, Method::GET, &[("range", &format!("bytes={size}-"))]).await;
    assert_eq!(outside.headers()["content-range"], format!("bytes */{size}"));
    assert_eq!(problem(outside).await, (416, "range_not_satisfiable".to_owned()));
    let malformed = raw(&client, &id, Method::GET, &[("range", "bytes=abc")]).await;
    assert_eq!(malformed.status(), StatusCode::OK, "RFC 9110: what cannot be parsed is ignored");
}

/// However many ranges are asked for, and whatever they are, no more is sent than there is.
async fn ranges_amplify_nothing(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let file = fixtures::silent();
    let size = std::fs::metadata(&file).unwrap().len() as usize;
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let overlapping: Vec<String> = (0..1300).map(|n| format!("{n}-")).collect();
    let backwards: Vec<String> = (0..1300).rev().map(|n| format!("{n}-{}", n + 5)).collect();
    let large = u64::MAX;
    let cases = [
        format!("bytes={}", overlapping.join(",")),
        format!("bytes={}", backwards.join(",")),
        format!("bytes={}", ["0-"; 3000].join(",")),
        format!("bytes={}", ["-1"; 3000].join(",")),
        "bytes=9-3".to_owned(),
        format!("bytes=0-{large}"),
        format!("bytes={large}-{large}"),
        format!("bytes=-{large}"),
        format!("bytes={large}0-"),
        format!("bytes={}-0", size - 1),
        "bytes=-0".to_owned(),
        "bytes=0-0,-1,0-0".to_owned(),
        format!("bytes={}", ",".repeat(20_000)),
    ];
    for case in cases {
        let answer = raw(&client, &id, Method::GET, &[("range", &case)]).await;
        let status = answer.status().as_u16();
        assert!([200, 206, 416].contains(&status), "{status} for {}", &case[..case.len().min(60)]);
        let head: usize = answer.headers().iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
        let body = answer.bytes().await.unwrap().len();
        assert!(head + body <= size + 1024, "{head} + {body} of {size} for {}", &case[..case.len().min(60)]);
    }
}

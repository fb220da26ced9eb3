//! Connections: those who keep others waiting are let go, those who are only slow are not, and there is always room
//! to ask how the service is. The store plays no part in it.

use harness::{
    Client, Pair, Stack,
    crowd::{address, connect, connect_narrow, get, rest, send},
    eventually, fixtures,
    tus::{CHUNK, begin, stored},
};
use serde_json::Value;
use std::{
    net::Ipv4Addr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Longer than anything here lasts.
const LONG: Duration = Duration::from_secs(20);
/// A request that is never finished.
const HALF_A_LOGIN: &[u8] = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
    content-length: 60000\r\nexpect: 100-continue\r\n\r\n";

async fn impatient(more: &[(&str, &str)]) -> Stack {
    Stack::start_with(Pair::Embedded, &[&[("SLUICE_IDLE_SECONDS", "2")], more].concat()).await
}

/// A connection whose request the service has begun to answer.
async fn busy(url: &str, from: Ipv4Addr) -> TcpStream {
    let mut connection = send(url, from, HALF_A_LOGIN).await;
    let mut asked = [0; 25];
    connection.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection
}

fn is_open(connection: &TcpStream) -> bool {
    // Nothing to read, and no end either.
    connection.try_read(&mut [0; 1]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
}

fn refused(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 5") && answer.contains("\"overloaded\"")
}

#[tokio::test]
async fn unfinished_requests_end_in_time() {
    let stack = impatient(&[]).await;
    let from = address(0);
    // Silent; part of a request; part of what begins HTTP/2; an answer, and then nothing; everything byte by byte.
    let cases: [&[u8]; 4] = [b"", b"GET /hea", b"PRI * HT", b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"];
    for case in cases {
        let mut connection = send(&stack.url, from, case).await;
        let (_, took) = rest(&mut connection, LONG).await;
        assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(5), "{case:?}: {took:?}");
    }
    let (mut reader, mut writer) = connect(&stack.url, from).await.into_split();
    let trickle = tokio::spawn(async move {
        let head = b"GET /health HTTP/1.1\r\nx-slow: ".iter().chain(std::iter::repeat(&b'x'));
        for byte in head {
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    let began = Instant::now();
    timeout(LONG, reader.read_to_end(&mut Vec::new())).await.expect("a slow head is waited for").ok();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    trickle.abort();
}

#[tokio::test]
async fn unfinished_requests_end_in_time_behind_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-subj", "/CN=localhost", "-keyout", key, "-out", cert]);
    assert!(openssl.output().unwrap().status.success());
    let stack = impatient(&[("SLUICE_TLS_CERT", cert), ("SLUICE_TLS_KEY", key)]).await;
    let (_, took) = rest(&mut connect(&stack.url, address(0)).await, LONG).await;
    assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(5), "no handshake: {took:?}");
    let address = stack.url.rsplit('/').next().unwrap();
    for protocol in ["http/1.1", "h2"] {
        for said in ["", "PRI"] {
            let mut command = Command::new("openssl");
            command.args(["s_client", "-quiet", "-connect", address, "-alpn", protocol]);
            let piped = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut client = piped.spawn().unwrap();
            let mut open = client.stdin.take().unwrap();
            std::io::Write::write_all(&mut open, said.as_bytes()).unwrap();
            let began = Instant::now();
            eventually("the connection is closed", LONG, || {
                let ended = client.try_wait().unwrap();
                async move { ended }
            })
            .await;
            let took = began.elapsed();
            assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(6), "{protocol}: {took:?}");
        }
    }
}

#[tokio::test]
async fn trickling_body_is_ended_and_slow_upload_lives() {
    let stack = impatient(&[]).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let path = begin(&client, film.len()).await;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: {CHUNK}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        client.token,
        film.len()
    );
    let url = &stack.url;
    let trickled = async {
        let mut connection = busy(url, address(1)).await;
        let began = Instant::now();
        while timeout(Duration::from_millis(250), connection.peek(&mut [0; 1])).await.is_err() {
            assert!(began.elapsed() < LONG, "a byte now and then holds a request");
            drop(connection.write_all(b"x").await);
        }
        (began.elapsed(), rest(&mut connection, LONG).await.0)
    };
    let slow = async {
        let mut connection = send(url, address(2), head.as_bytes()).await;
        // 8 KiB a second, for longer than anything may stand still.
        let some = film.len().min(48 << 10);
        for piece in film[..some].chunks(4 << 10) {
            connection.write_all(piece).await.unwrap();
            sleep(Duration::from_millis(500)).await;
        }
        connection.write_all(&film[some..]).await.unwrap();
        rest(&mut connection, LONG).await.0
    };
    let ((took, ended), slow) = tokio::join!(trickled, slow);
    assert!(took < Duration::from_secs(6), "a byte now and then holds a request for {took:?}");
    assert!(ended.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&ended));
    let slow = String::from_utf8_lossy(&slow).into_owned();
    assert!(slow.starts_with("HTTP/1.1 204"), "{slow}");
    let media = slow.lines().find_map(|l| l.strip_prefix("sluice-media-id: ")).unwrap();
    assert!(stored(&client, media.trim()).await == film);
}

/// A file that no system buffers whole.
async fn large_film(client: &Client, folder: &std::path::Path) -> (String, usize) {
    let data = fixtures::padded(&fixtures::silent(), 24_000_000);
    let file = folder.join("large.mp4");
    std::fs::write(&file, &data).unwrap();
    (client.upload(&file).await["id"].as_str().unwrap().to_owned(), data.len())
}

#[tokio::test]
async fn reader_that_stands_still_is_ended_and_slow_reader_lives() {
    let stack = impatient(&[]).await;
    let client = stack.creator().await;
    let (id, size) = large_film(&client, &stack.folder()).await;
    let request = format!("GET /raw/{id} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let ask = async |n| {
        let mut connection = connect_narrow(&stack.url, address(n)).await;
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    };
    let (mut stuck, mut slow) = (ask(1).await, ask(2).await);
    let (mut got, began) = (0, Instant::now());
    let mut piece = vec![0; 16 << 10];
    while began.elapsed() < Duration::from_secs(7) {
        got += slow.read(&mut piece).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let mut left = Vec::new();
    slow.read_to_end(&mut left).await.expect("whoever reads slowly is let read");
    assert!(got + left.len() > size, "{} of {size}", got + left.len());
    let (bytes, took) = rest(&mut stuck, LONG).await;
    assert!(bytes.len() < size / 2 && took < Duration::from_secs(2), "{} bytes came after all", bytes.len());
}

#[tokio::test]
async fn sockets_and_event_streams_may_idle() {
    let stack = impatient(&[]).await;
    let client = stack.creator().await;
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let events =
        format!("GET /api/v1/media/{id}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", client.token);
    let mut open = Vec::new();
    for (n, (request, status)) in [(upgrade, "101"), (events.as_str(), "200")].into_iter().enumerate() {
        let mut connection = send(&stack.url, address(n), request.as_bytes()).await;
        let mut first = [0; 12];
        connection.read_exact(&mut first).await.unwrap();
        assert_eq!(std::str::from_utf8(&first).unwrap(), format!("HTTP/1.1 {status}"));
        open.push(connection);
    }
    sleep(Duration::from_secs(6)).await;
    for connection in open {
        while connection.try_read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        assert!(is_open(&connection));
    }
}

#[tokio::test]
async fn one_address_has_only_its_share() {
    let stack = Stack::start_with(Pair::Embedded, &[("SLUICE_CONNECTIONS_PER_ADDRESS", "20")]).await;
    let (mine, other) = (address(0), address(1));
    let mut idle = Vec::new();
    for _ in 0..60 {
        // Answered, so that they come in order.
        let mut connection = send(&stack.url, mine, b"HEAD /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await;
        connection.read_exact(&mut [0; 12]).await.unwrap();
        while connection.try_read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        idle.push(connection);
    }
    assert!(get(&stack.url, mine, "/health", "").await.starts_with("HTTP/1.1 200"), "idle ones make room");
    eventually("the oldest are closed", LONG, || {
        let open = idle.iter().filter(|c| is_open(c)).count();
        async move { (open <= 20).then_some(()) }
    })
    .await;
    assert!(idle[50..].iter().all(is_open), "the newest stay");
    drop(idle);
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(busy(&stack.url, mine).await);
    }
    let answer = get(&stack.url, mine, "/api/v1/media", "").await;
    assert!(refused(&answer), "{answer}");
    assert!(get(&stack.url, mine, "/ready", "").await.starts_with("HTTP/1.1 200"), "who asks how it is, is told");
    assert!(
        get(&stack.url, other, "/api/v1/openapi.json", "").await.starts_with("HTTP/1.1 200"),
        "others notice nothing"
    );
    assert!(held.iter().all(is_open), "what is under way is not ended for others");
    held.clear();
    eventually("there is room again", LONG, || async {
        get(&stack.url, mine, "/api/v1/openapi.json", "").await.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    // A proxy speaks for many.
    let settings = [("SLUICE_CONNECTIONS_PER_ADDRESS", "2"), ("SLUICE_TRUSTED_PROXIES", "127.1.0.0/16")];
    let stack = Stack::start_with(Pair::Embedded, &settings).await;
    for _ in 0..10 {
        held.push(busy(&stack.url, mine).await);
    }
    assert!(get(&stack.url, mine, "/api/v1/openapi.json", "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn full_service_answers_administrators() {
    let stack = Stack::start_with(Pair::Embedded, &[("SLUICE_MAX_CONNECTIONS", "30")]).await;
    let (admin, viewer) = (stack.admin().await, stack.viewer().await);
    let mut held = Vec::new();
    for n in 0..30 {
        held.push(busy(&stack.url, address(n)).await);
    }
    let from = address(100);
    let bearer = |client: &Client| format!("authorization: Bearer {}\r\n", client.token);
    for path in ["/health", "/ready"] {
        assert!(get(&stack.url, from, path, "").await.starts_with("HTTP/1.1 200"), "{path}");
    }
    let users = get(&stack.url, from, "/api/v1/admin/users", &bearer(&admin)).await;
    assert!(users.starts_with("HTTP/1.1 200"), "{users}");
    for headers in [bearer(&viewer), String::new()] {
        let answer = get(&stack.url, from, "/api/v1/me", &headers).await;
        assert!(refused(&answer), "{answer}");
    }
    // The reserve is not for long, and nobody has all of it.
    let mut squatters = Vec::new();
    for n in 0..200 {
        squatters.push(connect(&stack.url, address(101 + n)).await);
    }
    let (said, took) = rest(squatters.last_mut().unwrap(), LONG).await;
    assert!(refused(&String::from_utf8_lossy(&said)) || said.is_empty(), "{}", String::from_utf8_lossy(&said));
    assert!(took < Duration::from_secs(4), "{took:?}");
    eventually("the reserve is free again", Duration::from_secs(6), || async {
        get(&stack.url, from, "/ready", "").await.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    held.clear();
    eventually("there is room again", LONG, || async {
        get(&stack.url, from, "/api/v1/me", &bearer(&viewer)).await.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    assert!(stack.logs().contains("connections have reached a limit"));
    let me: Value = viewer.get("/api/v1/me").await.json().await.unwrap();
    assert_eq!(me["username"], viewer.username.as_str());
}

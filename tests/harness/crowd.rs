//! Many connections from many addresses, and a stopwatch on what others notice of them.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// What a request counts that is refused or not answered.
const NEVER: Duration = Duration::from_secs(10);

/// Lets this process open as many files as the system allows.
pub fn raise_descriptor_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

/// The `n`th address of a crowd; none of them is 127.0.0.1.
pub fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, (n / 250) as u8, (n % 250 + 1) as u8)
}

/// The socket address behind a URL of the service.
pub fn socket_address(url: &str) -> SocketAddr {
    url.rsplit('/').next().unwrap().parse().unwrap()
}

/// A connection from an address of this machine.
pub async fn connect(url: &str, from: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(socket_address(url)).await.unwrap()
}

/// The same, with a small buffer for what comes: so that standing still is noticed.
pub async fn connect_narrow(url: &str, from: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(socket_address(url)).await.unwrap()
}

/// Sends bytes and leaves the connection open.
pub async fn send(url: &str, from: Ipv4Addr, bytes: &[u8]) -> TcpStream {
    let mut connection = connect(url, from).await;
    connection.write_all(bytes).await.unwrap();
    connection
}

/// What comes until the service closes or resets, and how long that took.
///
/// # Panics
/// When it is still open after `patience`.
pub async fn rest(connection: &mut TcpStream, patience: Duration) -> (Vec<u8>, Duration) {
    let (began, mut bytes) = (Instant::now(), Vec::new());
    let ended = tokio::time::timeout(patience, connection.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "still open after {patience:?}, said {:?}", String::from_utf8_lossy(&bytes));
    (bytes, began.elapsed())
}

/// Status line and the rest of an answer to a GET on a connection of its own.
pub async fn get(url: &str, from: Ipv4Addr, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n");
    let mut connection = connect(url, from).await;
    // Whoever is refused at the door may find it closed already.
    drop(connection.write_all(request.as_bytes()).await);
    let (bytes, _) = rest(&mut connection, Duration::from_secs(20)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Times of `/ready`, asked on a new connection each time by somebody who is not of the crowd: on a thread that does
/// nothing else, so that what is measured is the service.
#[derive(Debug)]
pub struct Watch {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

/// Sorted times.
#[derive(Debug)]
pub struct Times(pub Vec<Duration>);

impl Times {
    /// The time within which that part of all was answered; 1.0 for the longest.
    pub fn quantile(&self, part: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * part) as usize]
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| self.quantile(q));
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?} of {}", self.0.len())
    }
}

/// Asks for `/ready` once.
fn ask(service: SocketAddr) -> std::io::Result<()> {
    let mut connection = std::net::TcpStream::connect_timeout(&service, NEVER)?;
    connection.set_read_timeout(Some(NEVER))?;
    connection.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(std::io::Error::other(answer)) }
}

impl Watch {
    /// Begins to ask.
    pub fn over(url: &str) -> Self {
        let (done, service) = (Arc::new(AtomicBool::new(false)), socket_address(url));
        let thread = std::thread::spawn({
            let done = done.clone();
            move || {
                let mut times = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    times.push(if ask(service).is_ok() { began.elapsed() } else { NEVER });
                    std::thread::sleep(Duration::from_millis(15));
                }
                times
            }
        });
        Self { done, thread }
    }

    /// Ends it.
    pub async fn times(self) -> Times {
        self.done.store(true, Ordering::Relaxed);
        let mut times = tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
        times.sort();
        assert!(times.len() > 10, "{} requests are no measure", times.len());
        Times(times)
    }
}

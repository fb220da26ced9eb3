//! Logs: text on a terminal, JSON lines otherwise, always on standard error. And what a program says to whoever
//! started it.
//!
//! Invariant: nothing here blocks or fails its caller. Whoever reads standard error may end, or stand still with a full
//! pipe: lines then wait in a queue, and those that find it full are counted and dropped. Written by hand because
//! `tracing-appender` reports trouble with its queue by `eprintln!`, which blocks or panics in just these cases.

use std::{
    fmt::Display,
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};
use tracing_subscriber::EnvFilter;

/// Lines that may wait for their reader.
const WAITING_LINES: usize = 8192;
/// How long the end of the program waits for the last lines, and a line for people for its reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines that found the queue full.
static DROPPED: AtomicU64 = AtomicU64::new(0);

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Keeps the log open. When it goes, the last lines have a second to be written.
#[must_use = "the last lines are lost without it"]
#[derive(Debug)]
pub struct Logs(Queue);

impl Drop for Logs {
    fn drop(&mut self) {
        let (done, written) = mpsc::sync_channel(1);
        if self.0.0.try_send(Message::Flush(done)).is_ok() {
            // Whoever reads stands still: then the lines are lost.
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

/// Where lines wait. Each `write` is one line: the subscriber writes them whole.
#[derive(Debug, Clone)]
struct Queue(SyncSender<Message>);

impl Queue {
    /// A queue whose lines a thread of its own writes to `out`.
    fn to(out: impl Write + Send + 'static) -> Self {
        let (sender, lines) = mpsc::sync_channel(WAITING_LINES);
        thread::spawn(move || write_lines(out, &lines));
        Self(sender)
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.0.try_send(Message::Line(line.to_vec())) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(mut out: impl Write, lines: &Receiver<Message>) {
    for message in lines {
        match message {
            // A reader that has ended is no reason to end.
            Message::Line(line) => drop(out.write_all(&line)),
            Message::Flush(done) => drop(done.try_send(())),
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "lines of the log were dropped: nobody read them");
        }
    }
}

/// Installs the process-wide subscriber, and has panics logged. `filter` is `SLUICE_LOG` (`info`, `sluice=debug`, ...).
/// A second call changes nothing, so tests may call it freely.
pub fn init(filter: &str) -> Logs {
    // Past the lock of `std::io::stderr`, which a writer that stands still would hold.
    let queue = match io::stderr().as_fd().try_clone_to_owned() {
        Ok(out) => Queue::to(File::from(out)),
        Err(_) => Queue::to(io::sink()),
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let writer = queue.clone();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone());
    let installed = if io::stderr().is_terminal() {
        builder.with_ansi(true).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    if installed.is_ok() {
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    }
    Logs(queue)
}

/// Says a line on standard output, if anybody reads it.
pub fn say(text: impl Display) {
    let line = format!("{text}\n");
    within_patience(move || io::stdout().write_all(line.as_bytes()).and_then(|()| io::stdout().flush()));
}

/// Says a line on standard error, if anybody reads it.
pub fn complain(text: impl Display) {
    let line = format!("{text}\n");
    within_patience(move || io::stderr().write_all(line.as_bytes()));
}

fn within_patience(write: impl FnOnce() -> io::Result<()> + Send + 'static) {
    let (done, written) = mpsc::sync_channel(1);
    thread::spawn(move || done.try_send(write().is_ok()));
    // Neither a reader that has ended nor one that stands still keeps the program from its work.
    let _ = written.recv_timeout(PATIENCE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, Mutex},
        time::Instant,
    };

    /// A pipe whose reader stands still until it is let go.
    struct Stuck(Arc<Mutex<Vec<u8>>>);

    impl Write for Stuck {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(data);
            Ok(data.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_reads_block_nobody_and_come_when_somebody_does() {
        let read = Arc::new(Mutex::new(Vec::new()));
        let standing = read.lock().unwrap();
        let mut queue = Queue::to(Stuck(read.clone()));
        let began = Instant::now();
        for _ in 0..WAITING_LINES * 2 {
            queue.write_all(b"line\n").unwrap();
        }
        drop(Logs(queue.clone()));
        assert!(began.elapsed() < PATIENCE * 3, "{:?}", began.elapsed());
        drop(standing);
        let lines = || read.lock().unwrap().len() / 5;
        while lines() < WAITING_LINES {
            assert!(began.elapsed() < PATIENCE * 20, "{} lines", lines());
            thread::yield_now();
        }
        drop(Logs(queue));
        // One was on its way when the queue was filled.
        assert!(lines() <= WAITING_LINES + 1, "{}", lines());
    }

    #[test]
    fn a_reader_that_has_ended_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut queue = Queue::to(writer);
        queue.write_all(b"line\n").unwrap();
        drop(Logs(queue.clone()));
        queue.write_all(b"line\n").unwrap();
        drop(Logs(queue));
    }
}

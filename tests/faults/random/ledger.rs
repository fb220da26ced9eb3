//! What the service has acknowledged to people; what it owes them from then on.

use std::sync::{Arc, Mutex};

/// One upload of one person.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Which of the people.
    pub person: usize,
    /// Path of the upload.
    pub upload: String,
    /// Identifier of its media.
    pub media: String,
    /// What was sent.
    pub bytes: Arc<Vec<u8>>,
    /// Whether no encoder child survives it.
    pub poison: bool,
    /// Whether the last byte was acknowledged.
    pub complete: bool,
    /// Whether a deletion was acknowledged.
    pub deleted: bool,
}

#[derive(Debug, Default)]
struct Book {
    sent: Vec<Sent>,
    abandoned: Vec<(usize, String)>,
}

/// All uploads, shared by those who send and those who look.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

impl Ledger {
    /// Adds an upload whose creation was acknowledged; its number.
    pub fn created(&self, sent: Sent) -> usize {
        let mut book = self.0.lock().unwrap();
        book.sent.push(sent);
        book.sent.len() - 1
    }

    /// The last byte was acknowledged.
    pub fn completed(&self, number: usize) {
        self.0.lock().unwrap().sent[number].complete = true;
    }

    /// A deletion was acknowledged.
    pub fn deleted(&self, media: &str) {
        self.0.lock().unwrap().sent.iter_mut().filter(|s| s.media == media).for_each(|s| s.deleted = true);
    }

    /// A person begins an upload that will never be finished; its media.
    pub fn abandoned(&self, person: usize, media: String) {
        self.0.lock().unwrap().abandoned.push((person, media));
    }

    /// Every upload so far that was meant to be finished.
    pub fn all(&self) -> Vec<Sent> {
        self.0.lock().unwrap().sent.clone()
    }

    /// The others: person and media.
    pub fn all_abandoned(&self) -> Vec<(usize, String)> {
        self.0.lock().unwrap().abandoned.clone()
    }
}

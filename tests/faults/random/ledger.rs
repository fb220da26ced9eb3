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
    /// Whether the last byte was acknowledged.
    pub complete: bool,
    /// Whether a deletion was acknowledged.
    pub deleted: bool,
}

/// All uploads, shared by those who send and those who look.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Sent>>>);

impl Ledger {
    /// Adds an upload whose creation was acknowledged; its number.
    pub fn created(&self, sent: Sent) -> usize {
        let mut all = self.0.lock().unwrap();
        all.push(sent);
        all.len() - 1
    }

    /// The last byte was acknowledged.
    pub fn completed(&self, number: usize) {
        self.0.lock().unwrap()[number].complete = true;
    }

    /// A deletion was acknowledged.
    pub fn deleted(&self, number: usize) {
        self.0.lock().unwrap()[number].deleted = true;
    }

    /// Everything so far.
    pub fn all(&self) -> Vec<Sent> {
        self.0.lock().unwrap().clone()
    }
}

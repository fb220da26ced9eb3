//! Argon2id, off the async threads and never more at once than there are cores.

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// Why nothing was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BusyError {
    /// Too many wait, or this one has waited too long.
    #[error("too many requests at once")]
    Busy,
    /// The work itself failed.
    #[error("a password could not be hashed")]
    Failed,
}

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// Threads that hash, one a core, each with memory of its own, and a queue before them. Taking 19 MiB
/// anew for each hash, on any thread, left 525 MiB with the allocator after 500 logins.
#[derive(Debug, Clone)]
pub struct Hashing {
    jobs: SyncSender<Job>,
}

impl Hashing {
    /// Starts a thread for each of `cores`. They end with the last clone of this.
    pub fn new(cores: usize) -> Self {
        let (jobs, queue) = sync_channel::<Job>(MOST_WAITING);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..cores.max(1) {
            let queue = queue.clone();
            thread::spawn(move || {
                let mut memory = Vec::new();
                while let Ok(job) = { queue.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                    job(&mut memory);
                }
            });
        }
        Self { jobs }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, BusyError> {
        let (answer, result) = oneshot::channel();
        let job = move |memory: &mut Vec<Block>| {
            // Nobody waits any more for what stood in the queue too long.
            if !answer.is_closed() {
                drop(answer.send(work(memory)));
            }
        };
        self.jobs.try_send(Box::new(job)).map_err(|_| BusyError::Busy)?;
        match timeout(PATIENCE, result).await {
            Ok(done) => done.map_err(|_| BusyError::Failed),
            Err(_) => Err(BusyError::Busy),
        }
    }
}

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// A hash of no password, verified when the user is unknown, so that both cases take the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2x1aWNlLW5vYm9keS1zYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Requests that may wait for their turn; more are told to come back, so that memory stays bounded.
const MOST_WAITING: usize = 2000;
impl Hashing {
    /// The PHC string of a password.
    pub async fn hash(&self, password: String) -> Result<String, BusyError> {
        let hashed = self.run(move |memory| {
            let salt = Salt::new(&rand::random::<[u8; 16]>()).ok()?;
            let output = derive(memory, Params::default(), &password, &salt)?;
            let hash = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&Params::default()).ok()?,
                salt: Some(salt),
                hash: Some(output),
            };
            Some(hash.to_string())
        });
        hashed.await?.ok_or(BusyError::Failed)
    }

    /// Whether the password is the one of `stored`; `None` for an unknown user costs the same time.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, BusyError> {
        let matches = move |memory: &mut Vec<Block>| {
            let hash = PasswordHash::new(stored.as_deref().unwrap_or(NOBODY)).ok()?;
            let output = derive(memory, Params::try_from(&hash).ok()?, &password, hash.salt.as_ref()?)?;
            // Compared in constant time.
            Some(stored.is_some() && hash.hash? == output)
        };
        Ok(self.run(matches).await?.unwrap_or(false))
    }
}

fn derive(memory: &mut Vec<Block>, params: Params, password: &str, salt: &[u8]) -> Option<Output> {
    memory.resize(params.block_count(), Block::default());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut out, memory).ok()?;
    Output::new(&out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordVerifier;

    #[test]
    fn other_programs_agree() {
        let salt = Salt::new(b"0123456789abcdef").unwrap();
        let mut memory = Vec::new();
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&Params::default()).unwrap(),
            salt: Some(salt),
            hash: derive(&mut memory, Params::default(), "a password", &salt),
        };
        assert!(hash.to_string().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(Argon2::default().verify_password(b"a password", &hash).is_ok());
        assert!(Argon2::default().verify_password(b"another", &hash).is_err());
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(Params::try_from(&nobody).unwrap().block_count(), Params::default().block_count(), "the same work");
    }
}

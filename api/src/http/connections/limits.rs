//! How many connections there may be, and how long they may keep others waiting.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sluice_config::HttpConfig;
use std::time::Duration;

/// Connections unless the settings say otherwise, where descriptors allow more.
const MOST: usize = 10_000;
/// Connections beyond the limit that serve health and administrators.
const RESERVE: usize = 64;
/// Of these, by one address.
const RESERVE_PER_ADDRESS: usize = 8;
/// Connections that are being told that there is no room.
pub const REFUSALS: usize = 64;
/// Bounds of what files, the database, the store and the web are left of the descriptors.
const SPARE: (usize, usize) = (64, 512);

/// How long a connection may keep others waiting.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until its first byte.
    pub silent: Duration,
    /// Until all headers of a request, from the start of the connection or the last answer on.
    pub request: Duration,
    /// While it takes no byte of an answer.
    pub stuck: Duration,
    /// Until a request, of a connection from the reserve.
    pub reserve: Duration,
}

/// How many connections there may be, and how long they may keep others waiting.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub patience: Patience,
    /// Connections in all.
    pub total: usize,
    /// Connections of one address.
    pub per_address: usize,
    /// Connections beyond these that serve health and administrators.
    pub reserve: usize,
    /// Of the reserve, by one address.
    pub reserve_per_address: usize,
}

impl Limits {
    /// What the settings ask for, as far as `descriptors` allow.
    pub fn new(config: &HttpConfig, descriptors: usize) -> Self {
        let room = room(descriptors);
        let asked = config.max_connections.unwrap_or(room.min(MOST));
        if asked > room {
            tracing::warn!(asked, room, descriptors, "SLUICE_MAX_CONNECTIONS is more than the open files allow");
        }
        let total = asked.clamp(1, room);
        Self {
            patience: Patience::new(config.idle),
            total,
            per_address: config.connections_per_address,
            reserve: RESERVE,
            reserve_per_address: RESERVE_PER_ADDRESS,
        }
    }
}

impl Patience {
    /// Shorter ones are capped by the longest.
    pub fn new(idle: Duration) -> Self {
        let at_most = |seconds| Duration::from_secs(seconds).min(idle);
        Self { silent: at_most(10), request: at_most(30), stuck: idle, reserve: at_most(2) }
    }
}

/// Connections that so many descriptors allow. Each may have a file or a connection to the store open beside itself.
fn room(descriptors: usize) -> usize {
    let spare = (descriptors / 4).clamp(SPARE.0, SPARE.1) + REFUSALS;
    (descriptors.saturating_sub(spare) / 2).saturating_sub(RESERVE).max(1)
}

/// Raises the limit of open files as far as the system allows without privileges; what it is then.
pub fn raise_descriptor_limit() -> usize {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let now = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!(%error, soft, hard, "the limit of open files stays");
            soft
        }
    };
    usize::try_from(now).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_bound_connections() {
        // Each connection and each of the reserve with a file, those who are refused, and a spare.
        for (descriptors, connections) in [(64, 1), (512, 96), (1024, 288), (20_000, 9648)] {
            assert_eq!(room(descriptors), connections, "{descriptors}");
        }
        assert!(room(usize::MAX) > MOST);
    }

    #[test]
    fn no_patience_is_longer_than_the_setting() {
        let short = Patience::new(Duration::from_secs(1));
        for patience in [short.silent, short.request, short.stuck, short.reserve] {
            assert_eq!(patience, Duration::from_secs(1));
        }
        let usual = Patience::new(Duration::from_secs(60));
        assert!(usual.reserve < usual.silent && usual.silent < usual.request && usual.request < usual.stuck);
    }
}

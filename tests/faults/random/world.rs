//! A service with two workers behind proxies, and two people who use it.

use super::{ledger::Ledger, scan, sender};
use harness::{
    Client, Pair, Stack,
    proxy::{Network, S3Proxy, StoreFault, TcpProxy},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeSet,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Longest that a service needs to be well again once nothing is wrong any more: a lease, and a minute.
pub const RECOVERY: Duration = Duration::from_secs(90);

/// Everything that one run of faults happens to.
pub struct World {
    pub stack: Stack,
    /// Numbers of the workers that live.
    pub workers: Vec<usize>,
    pub pair: Pair,
    /// Between the service and the database, and between it and the store; on servers only.
    pub database: Option<TcpProxy>,
    pub store_network: Option<TcpProxy>,
    pub store: Option<S3Proxy>,
    pub people: Vec<Client>,
    pub ledger: Ledger,
    /// Sources and packages there ever were, whose folders in the store must end empty if they are gone.
    pub names: BTreeSet<(&'static str, String)>,
    stop: Arc<AtomicBool>,
    senders: JoinSet<()>,
}

/// `host:port` of a URL.
fn authority(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

impl World {
    /// Starts everything; `seed` chooses what people do.
    pub async fn open(pair: Pair, seed: u64) -> Self {
        // One port for all lives of the API, as behind one name.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let settings = [
            ("SLUICE_LISTEN", listen.as_str()),
            ("SLUICE_WORKER_CORES", "1"),
            ("SLUICE_LIMITS", "upload=0/1,upload_account=0/1"),
        ];
        // Proxies are clients too, before there is a service.
        drop(rustls::crypto::ring::default_provider().install_default());
        let (mut database, mut store_network, mut store) = (None, None, None);
        let mut replaced = Vec::new();
        if pair == Pair::Servers {
            let postgres = authority(&std::env::var("SLUICE_TEST_POSTGRES").unwrap());
            let s3 = std::env::var("SLUICE_TEST_S3").unwrap();
            let s3 = authority(s3.split("endpoint=").nth(1).unwrap().split('&').next().unwrap());
            let before_postgres = TcpProxy::start(&postgres).await;
            let misbehaving = S3Proxy::start(&s3).await;
            let before_s3 = TcpProxy::start(&misbehaving.address.to_string()).await;
            replaced.push((postgres, before_postgres.address.to_string()));
            replaced.push((s3, before_s3.address.to_string()));
            (database, store_network, store) = (Some(before_postgres), Some(before_s3), Some(misbehaving));
        }
        let mut stack = Stack::start_through(pair, &settings, &replaced).await;
        let workers = vec![stack.add_worker(), stack.add_worker()];
        let people = vec![stack.creator().await, stack.creator().await];
        // Made here, while nobody waits.
        sender::films();
        let (ledger, stop) = (Ledger::default(), Arc::new(AtomicBool::new(false)));
        let mut senders = JoinSet::new();
        let mut rng = StdRng::seed_from_u64(seed);
        for (number, client) in people.iter().enumerate() {
            senders.spawn(sender::run(client.clone(), number, ledger.clone(), stop.clone(), rng.random()));
        }
        Self {
            stack,
            workers,
            pair,
            database,
            store_network,
            store,
            people,
            ledger,
            names: BTreeSet::new(),
            stop,
            senders,
        }
    }

    /// Ends all faults that last.
    pub fn heal(&self) {
        if let Some(proxy) = &self.database {
            proxy.set(Network::Fine);
        }
        if let Some(proxy) = &self.store_network {
            proxy.set(Network::Fine);
        }
        if let Some(proxy) = &self.store {
            proxy.set(StoreFault::None);
        }
    }

    /// Notes the sources and packages that there are.
    pub fn remember_names(&mut self) {
        for table in ["sources", "packages"] {
            let id = scan::hexed(self.pair, "id");
            let rows = self.stack.run_sql(&format!("SELECT {id} FROM {table}"));
            self.names.extend(rows.lines().map(|id| (table, id.to_owned())));
        }
    }

    /// A sender that found a broken promise has panicked: its message is the test's.
    async fn finish_senders(&mut self) {
        while let Some(ended) = self.senders.join_next().await {
            if let Err(error) = ended {
                panic!("{error}\n{}", self.stack.logs());
            }
        }
    }

    /// Lets people finish, waits until all is quiet, and searches for what is wrong; a line for the report.
    pub async fn close(mut self) -> String {
        self.heal();
        self.stop.store(true, Ordering::Relaxed);
        self.finish_senders().await;
        self.remember_names();
        self.quiet().await;
        let retried = scan::media_are_whole(&self).await;
        scan::nothing_is_left_over(&self).await;
        let claims = scan::claims_per_second(&self.stack.logs());
        let sent = self.ledger.all();
        let deleted = sent.iter().filter(|s| s.deleted).count();
        format!("{} uploads, {deleted} deleted, {retried} retried, at most {claims} claims in a second", sent.len())
    }

    /// No task waits or runs (I4).
    pub async fn quiet(&self) {
        let began = Instant::now();
        loop {
            let left = self.stack.run_sql(
                "SELECT name, status, attempts, worker, beat, needs_bytes, package_id FROM tasks \
                 WHERE status IN ('queued', 'running')",
            );
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < RECOVERY * 2, "I4: these wait for ever:\n{left}\n{}", self.stack.logs());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

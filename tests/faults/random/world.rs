//! A service with two workers behind proxies, and people who use it.

use super::{kind::Kind, ledger::Ledger, scan, sender};
use harness::{
    Client, NO_QUOTAS, Pair, Stack,
    disk::SmallDisk,
    fixtures,
    namespace::Namespace,
    postgres::Cluster,
    process::free_port,
    proxy::{Network, S3Proxy, StoreFault, TcpProxy},
    stack::need,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Longest that a service needs to be well again once nothing is wrong any more: a lease, and a minute.
pub const RECOVERY: Duration = Duration::from_secs(90);
/// Longest that the work of all films of a world may take, on a machine that has other things to do.
const ALL_WORK: Duration = Duration::from_secs(600);
/// What is asked for is many steps, not much work in each.
const CHEAP: &str = "[encode]\npreset = \"ultrafast\"\naudio_kbps = [64]\n\
                     ladder = [{ short_side = 144, crf = 30.0, max_kbps = 145 }]\n";
/// People who send good films. One more sends poison.
const GOOD_PEOPLE: usize = 2;

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
    pub cluster: Option<Cluster>,
    /// The only one that the last worker has, where there can be one.
    pub network: Option<Namespace>,
    /// What holds database and store, when they are files.
    pub disk: Option<SmallDisk>,
    pub people: Vec<Client>,
    pub ledger: Ledger,
    /// Sources and packages there ever were, whose folders in the store must end empty if they are gone.
    pub names: BTreeSet<(&'static str, String)>,
    /// What the workers had logged when each fault began.
    begun: Vec<(Kind, Vec<usize>)>,
    stop: Arc<AtomicBool>,
    senders: JoinSet<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kinds: Vec<Kind> = self.begun.iter().map(|b| b.0).collect();
            eprintln!("--- faults up to here: {kinds:?}");
            if let Some(cluster) = &self.cluster {
                eprintln!("--- PostgreSQL\n{}", cluster.activity());
            }
        }
    }
}

/// What was found of a world.
pub struct Found {
    /// A line for people.
    pub summary: String,
    /// The most claims in a second under each kind of fault.
    pub claims: BTreeMap<Kind, usize>,
}

/// `host:port` of a URL.
fn authority(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

impl World {
    /// Starts everything; `seed` chooses what people do.
    pub async fn open(pair: Pair, seed: u64) -> Self {
        // Proxies are clients too, before there is a service.
        drop(rustls::crypto::ring::default_provider().install_default());
        // One port for all lives of the API, as behind one name.
        let mut settings = vec![
            ("SLUICE_LISTEN", format!("127.0.0.1:{}", free_port())),
            ("SLUICE_WORKER_CORES", "1".to_owned()),
            ("SLUICE_CONFIG", fixtures::settings("cheap", CHEAP)),
            ("SLUICE_LIMITS", "register=0/1,upload=0/1,upload_account=0/1".to_owned()),
            (NO_QUOTAS.0, NO_QUOTAS.1.to_owned()),
        ];
        let (mut database, mut store_network, mut store, mut cluster) = (None, None, None, None);
        let mut replaced = Vec::new();
        if pair == Pair::Servers {
            let servers = tokio::task::block_in_place(Cluster::start);
            let s3 = need("SLUICE_TEST_S3");
            let s3 = authority(s3.split("endpoint=").nth(1).unwrap().split('&').next().unwrap());
            let before_postgres = TcpProxy::start(&servers.address()).await;
            let misbehaving = S3Proxy::start(&s3).await;
            let before_s3 = TcpProxy::start(&misbehaving.address.to_string()).await;
            settings.push(("SLUICE_DATABASE_URL", Cluster::url_at(&before_postgres.address.to_string())));
            replaced.push((s3, before_s3.address.to_string()));
            cluster = Some(servers);
            (database, store_network, store) = (Some(before_postgres), Some(before_s3), Some(misbehaving));
        }
        let disk = Kind::DiskFull.applies(pair).then(|| SmallDisk::mount(256).unwrap());
        if let Some(disk) = &disk {
            settings.push(("SLUICE_DATA_DIR", disk.path().display().to_string()));
        }
        let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let stack = Stack::start_through(pair, &settings, &replaced).await;
        let mut people = Vec::new();
        for _ in 0..=GOOD_PEOPLE {
            people.push(stack.creator().await);
        }
        let mut world = Self {
            stack,
            workers: vec![0; 2],
            pair,
            database,
            store_network,
            store,
            cluster,
            network: Kind::WorkerUnplugged.applies(pair).then(|| Namespace::make().unwrap()),
            disk,
            people,
            ledger: Ledger::default(),
            names: BTreeSet::new(),
            begun: Vec::new(),
            stop: Arc::default(),
            senders: JoinSet::new(),
        };
        (0..2).for_each(|place| world.start_worker(place));
        let mut rng = StdRng::seed_from_u64(seed);
        for (number, client) in world.people.iter().take(GOOD_PEOPLE).enumerate() {
            let (client, ledger, stop) = (client.clone(), world.ledger.clone(), world.stop.clone());
            world.senders.spawn(sender::run(client, number, ledger, stop, rng.random()));
        }
        world
    }

    /// Starts a worker in place of one that is gone.
    pub fn start_worker(&mut self, place: usize) {
        self.workers[place] = match &self.network {
            Some(network) if place == self.workers.len() - 1 => self.stack.add_worker_in(network),
            _ => self.stack.add_worker(),
        };
    }

    /// Starts what has ended by itself again, as whoever runs a service has it done: a process whose database goes while
    /// it starts says so and ends.
    fn revive(&mut self) {
        for place in 0..self.workers.len() {
            if self.stack.workers[self.workers[place]].has_ended() {
                self.start_worker(place);
            }
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

    /// Notes that a fault begins, and the sources and packages that there are.
    pub fn before(&mut self, kind: Kind) {
        self.revive();
        self.remember_names();
        self.begun.push((kind, self.stack.workers.iter().map(|w| w.log().len()).collect()));
    }

    fn remember_names(&mut self) {
        for table in ["sources", "packages"] {
            let id = scan::hexed(self.pair, "id");
            let rows = self.stack.run_sql(&format!("SELECT {id} FROM {table}"));
            self.names.extend(rows.lines().map(|id| (table, id.to_owned())));
        }
    }

    /// An identifier as the database's SQL spells it.
    fn spelled(&self, id: &str) -> String {
        match self.pair {
            Pair::Embedded => format!("X'{}'", id.replace('-', "")),
            Pair::Servers => format!("'{id}'"),
        }
    }

    /// The tasks that run, as SQL spells their ids.
    pub fn running_tasks(&self) -> Vec<String> {
        let sql = format!("SELECT {} FROM tasks WHERE status = 'running'", scan::hexed(self.pair, "id"));
        self.stack.run_sql(&sql).lines().map(|id| self.spelled(id)).collect()
    }

    /// Whether no task of a media waits or runs.
    pub fn is_at_rest(&self, media: &str) -> bool {
        let package = format!("SELECT package_id FROM media WHERE id = {}", self.spelled(media));
        let sql =
            format!("SELECT COUNT(*) FROM tasks WHERE package_id = ({package}) AND status IN ('queued', 'running')");
        self.stack.run_sql(&sql).trim() == "0"
    }

    /// The source of a media, in hexadecimal digits.
    pub fn source_of(&self, media: &str) -> String {
        let source = scan::hexed(self.pair, "source_id");
        let sql = format!("SELECT {source} FROM media WHERE id = {}", self.spelled(media));
        self.stack.run_sql(&sql).trim().to_owned()
    }

    /// Makes a source old enough to be deleted, if nobody has it any more.
    pub fn make_due(&self, source: &str) {
        if !source.is_empty() {
            let id = self.spelled(source);
            let days = Duration::from_secs(3 * 86_400).as_micros();
            self.stack.run_sql(&format!("UPDATE sources SET touched_us = touched_us - {days} WHERE id = {id}"));
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

    /// Lets people finish, waits until all is quiet, and searches for what is wrong.
    pub async fn close(mut self) -> Found {
        self.heal();
        self.revive();
        self.stop.store(true, Ordering::Relaxed);
        self.finish_senders().await;
        self.remember_names();
        self.quiet(&self.abandoned()).await;
        let retried = scan::media_are_whole(&self).await;
        scan::nothing_is_left_over(&self).await;
        let sent = self.ledger.all();
        let count = |which: fn(&super::ledger::Sent) -> bool| sent.iter().filter(|s| which(s)).count();
        let summary = format!(
            "{} uploads, {} deleted, {} poisonous, {} abandoned, {retried} retried",
            sent.len(),
            count(|s| s.deleted),
            count(|s| s.poison),
            self.ledger.all_abandoned().len()
        );
        Found { summary, claims: self.claims() }
    }

    /// The most claims in a second under each kind of fault, from its beginning to that of the next.
    fn claims(&self) -> BTreeMap<Kind, usize> {
        let logs: Vec<String> = self.stack.workers.iter().map(harness::process::Process::log).collect();
        let ends = logs.iter().map(String::len).collect();
        let mut peaks = BTreeMap::new();
        for (number, (kind, from)) in self.begun.iter().enumerate() {
            let to: &Vec<usize> = self.begun.get(number + 1).map_or(&ends, |next| &next.1);
            let part = |n: usize| &logs[n][from.get(n).copied().unwrap_or(0)..to.get(n).copied().unwrap_or(0)];
            let peak = scan::claims_per_second((0..to.len()).map(part));
            let most = peaks.entry(*kind).or_default();
            *most = peak.max(*most);
        }
        peaks
    }

    /// The media whose work waits for bytes that never come, as a list for SQL.
    fn abandoned(&self) -> String {
        let all = self.ledger.all_abandoned();
        all.iter().map(|(_, id)| self.spelled(id)).collect::<Vec<_>>().join(", ")
    }

    /// No task waits or runs (I4), but for those of some media. What moves may take its time.
    pub async fn quiet(&self, but: &str) {
        let but = if but.is_empty() { "NULL" } else { but };
        let sql = format!(
            "SELECT name, status, attempts, worker, needs_bytes, progress, {}, (SELECT COUNT(*) FROM segments) FROM tasks \
             WHERE status IN ('queued', 'running') \
             AND NOT EXISTS (SELECT 1 FROM media m WHERE m.package_id = tasks.package_id AND m.id IN ({but}))",
            scan::hexed(self.pair, "package_id")
        );
        let (began, mut moved, mut before) = (Instant::now(), Instant::now(), String::new());
        loop {
            let left = self.stack.run_sql(&sql);
            if left.is_empty() {
                return;
            }
            if left != before {
                (moved, before) = (Instant::now(), left.clone());
            }
            let hangs = moved.elapsed() > RECOVERY || began.elapsed() > ALL_WORK;
            assert!(!hangs, "I4: these wait for ever:\n{left}\n{}", self.stack.logs());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

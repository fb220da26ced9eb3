//! Faults at random moments under a steady load. People upload, delete and play; processes die, stand still and come
//! back; databases and stores misbehave. A ledger keeps what the service acknowledged, and at the end database and
//! store are searched for anything that breaks an invariant.
//!
//! Every run logs its seed: `SLUICE_TEST_SEED` repeats its choices. `SLUICE_TEST_ROUNDS` says how often each kind is
//! tried, `SLUICE_TEST_KINDS` which (names separated by commas), `SLUICE_TEST_WORLDS` how many services live at once.

mod fault;
mod kind;
mod ledger;
mod scan;
mod sender;
mod world;

use futures::{StreamExt, stream};
use harness::{Pair, proof};
use kind::Kind;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::BTreeMap, str::FromStr, time::Duration};
use world::{Found, World};

harness::on_both!(opened => random_faults_break_no_invariant);

/// Faults that one service lives through before it is searched.
const FAULTS_PER_WORLD: usize = 25;
/// Under no fault may more tasks be claimed in a second, by two workers together: what fails is not tried in circles.
const MOST_CLAIMS: usize = 100;

async fn opened(pair: Pair) -> Pair {
    pair
}

/// What the environment says, or else this.
fn chosen<T: FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// The kinds that are tried, each as often as is asked for. A sample has those that both pairs know on one of them, in
/// turn, so that each kind is in it.
fn faults(pair: Pair, rng: &mut StdRng) -> Vec<Kind> {
    let only: String = chosen("SLUICE_TEST_KINDS", String::new());
    let wanted = |kind: &Kind| only.is_empty() || only.split(',').any(|name| name == format!("{kind:?}"));
    let rounds = chosen("SLUICE_TEST_ROUNDS", proof(1, 60));
    let everywhere = |kind: &Kind| kind.applies(Pair::Embedded) && kind.applies(Pair::Servers);
    let here = |(i, kind): &(usize, Kind)| rounds > 1 || !everywhere(kind) || (pair == Pair::Servers) == (i % 2 == 1);
    let kinds = Kind::ALL.iter().copied().enumerate().filter(here).map(|(_, kind)| kind);
    let kinds: Vec<Kind> = kinds.filter(|k| k.applies(pair) && wanted(k)).collect();
    let mut all = kinds.repeat(rounds);
    all.shuffle(rng);
    all
}

/// A service that lives through some faults and is searched then.
async fn live(pair: Pair, faults: Vec<Kind>, seed: u64) -> (Vec<Kind>, Found) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::open(pair, rng.random()).await;
    for kind in &faults {
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..1000))).await;
        world.before(*kind);
        fault::inject(*kind, &mut world, &mut rng).await;
    }
    (faults, world.close().await)
}

async fn random_faults_break_no_invariant(pair: Pair) {
    let seed = chosen("SLUICE_TEST_SEED", rand::random());
    println!("seed {seed}");
    tokio::task::block_in_place(sender::prepare);
    let mut rng = StdRng::seed_from_u64(seed);
    let faults = faults(pair, &mut rng);
    let at_once = chosen("SLUICE_TEST_WORLDS", 2);
    let each = faults.len().div_ceil(at_once).clamp(1, FAULTS_PER_WORLD);
    let lives: Vec<(Vec<Kind>, u64)> = faults.chunks(each).map(|c| (c.to_vec(), rng.random())).collect();
    let mut table: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    let mut worlds =
        stream::iter(lives).map(|(faults, seed)| tokio::spawn(live(pair, faults, seed))).buffer_unordered(at_once);
    while let Some(ended) = worlds.next().await {
        let (faults, found) = ended.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for kind in &faults {
            table.entry(*kind).or_default().0 += 1;
        }
        println!("{} faults of seed {seed}: {}; {faults:?}; claims {:?}", faults.len(), found.summary, found.claims);
        for (kind, peak) in found.claims {
            let most = &mut table.entry(kind).or_default().1;
            *most = peak.max(*most);
        }
    }
    println!("{:24}{:>8}{:>16}", "kind", "faults", "claims in a s");
    for (kind, (count, peak)) in &table {
        println!("{:24}{count:>8}{peak:>16}", format!("{kind:?}"));
    }
    println!("seed {seed}: {} faults on {pair:?}, no invariant broken", faults.len());
    assert!(table.values().all(|(_, peak)| *peak <= MOST_CLAIMS), "tasks were claimed in circles: {table:?}");
}

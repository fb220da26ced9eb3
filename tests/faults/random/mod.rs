//! Faults at random moments under a steady load. People upload, delete and play; processes die, stand still and come
//! back; databases and stores misbehave. A ledger keeps what the service acknowledged, and at the end database and
//! store are searched for anything that breaks an invariant.
//!
//! Every run logs its seed; `SLUICE_TEST_SEED` repeats its choices.

mod fault;
mod ledger;
mod scan;
mod sender;
mod world;

use fault::Kind;
use harness::{Pair, proof};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::BTreeMap, time::Duration};
use world::World;

harness::on_both!(opened => random_faults_break_no_invariant);

/// Faults that one service lives through before it is searched.
const FAULTS_PER_WORLD: usize = 30;

async fn opened(pair: Pair) -> Pair {
    pair
}

/// How often each kind is tried: a sample, or the whole.
fn rounds() -> usize {
    let chosen = std::env::var("SLUICE_TEST_ROUNDS").ok().and_then(|n| n.parse().ok());
    chosen.unwrap_or(proof(1, 50))
}

fn seed() -> u64 {
    std::env::var("SLUICE_TEST_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or_else(rand::random)
}

async fn random_faults_break_no_invariant(pair: Pair) {
    let seed = seed();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut faults: Vec<Kind> =
        (0..rounds()).flat_map(|_| Kind::ALL.iter().copied().filter(|k| k.applies(pair))).collect();
    faults.shuffle(&mut rng);
    let mut counts = BTreeMap::new();
    for (number, faults) in faults.chunks(FAULTS_PER_WORLD).enumerate() {
        let mut world = World::open(pair, rng.random()).await;
        for kind in faults {
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..1500))).await;
            world.remember_names();
            fault::inject(*kind, &mut world, &mut rng).await;
            *counts.entry(format!("{kind:?}")).or_insert(0) += 1;
        }
        let report = world.close().await;
        println!("world {number} of seed {seed}: {report}");
    }
    println!("seed {seed}: {} faults, no invariant broken: {counts:?}", faults.len());
}

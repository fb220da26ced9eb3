//! Good films with damage of all kinds, from a logged seed (`SLUICE_TEST_SEED` repeats it): each becomes a package or a
//! refusal, in bounded time and memory.

use super::run::{BUSY, complaint, transcode};
use harness::{fixtures, proof};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{path::PathBuf, time::Duration};

/// Processor time that a film may take.
const MOST_WORK: Duration = Duration::from_secs(20);
const MOST_BYTES: u64 = 1 << 30;

fn films() -> Vec<PathBuf> {
    vec![
        fixtures::silent(),
        fixtures::flash(true),
        fixtures::flash(false),
        fixtures::sound(),
        fixtures::compliant(4),
        fixtures::foreign(4),
        fixtures::fast_start(4),
        fixtures::contained(4, "mutated.ts", 44_100),
        fixtures::contained(4, "mutated.mkv", 48_000),
        fixtures::contained(4, "mutated.fragmented.mp4", 48_000),
    ]
}

/// Values that parsers get wrong.
const EXTREMES: [u32; 8] = [0, 1, 7, 8, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

/// A place, more often among the first bytes and the last, where headers and indexes are.
fn place(rng: &mut StdRng, length: usize) -> usize {
    let window = length.min(4096);
    match rng.random_range(0..4) {
        0 | 1 => rng.random_range(0..window),
        2 => length - 1 - rng.random_range(0..window),
        _ => rng.random_range(0..length),
    }
}

/// Damages `data` in one to eight places; what was done.
fn mutate(rng: &mut StdRng, data: &mut Vec<u8>) -> Vec<String> {
    let mut done = Vec::new();
    for _ in 0..rng.random_range(1..=8) {
        let at = place(rng, data.len());
        let length = rng.random_range(1..=data.len().min(2000)).min(data.len() - at);
        let what = rng.random_range(0..7);
        match what {
            0 => data[at] ^= 1 << rng.random_range(0..8),
            1 => data[at] = rng.random(),
            2 => {
                let value = EXTREMES[rng.random_range(0..EXTREMES.len())].to_be_bytes();
                for (byte, value) in data[at..].iter_mut().zip(value) {
                    *byte = value;
                }
            }
            3 if data.len() - length > 64 => drop(data.drain(at..at + length)),
            4 => {
                let copy = data[at..at + length].to_vec();
                let to = place(rng, data.len());
                data.splice(to..to, copy);
            }
            5 => data[at..at + length].fill(0),
            _ => data.truncate((data.len() - length / 2).max(64)),
        }
        done.push(format!("{what}@{at}+{length}"));
    }
    done
}

#[test]
fn damaged_films_end_in_time_with_a_reason() {
    let seed = std::env::var("SLUICE_TEST_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let films: Vec<Vec<u8>> = films().iter().map(|f| std::fs::read(f).unwrap()).collect();
    let (mut faults, mut slowest, mut largest, mut good) = (Vec::new(), Duration::ZERO, 0, 0);
    let count = proof(20, 2000);
    for number in 0..count {
        let film = number % films.len();
        let mut data = films[film].clone();
        let damage = mutate(&mut rng, &mut data);
        let (file, output) = (dir.path().join("film"), dir.path().join("out"));
        std::fs::write(&file, data).unwrap();
        let run = transcode(&file, &output, MOST_WORK * BUSY);
        if let Some(what) = complaint(&run, MOST_WORK, MOST_BYTES) {
            let kept = std::env::temp_dir().join(format!("sluice-mutation-{seed}-{number}"));
            std::fs::copy(&file, &kept).unwrap();
            faults.push(format!("{number} of seed {seed}, film {film} ({}): {what}", damage.join(" ")));
        }
        good += usize::from(run.status == Some(0));
        slowest = slowest.max(run.worked);
        largest = largest.max(run.most_resident.unwrap_or(0));
        drop(std::fs::remove_dir_all(&output));
    }
    println!("{count} damaged films, {good} of them played on; most work {slowest:?}, largest {} MiB", largest >> 20);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

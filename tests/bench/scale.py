#!/usr/bin/env python3
"""What a day of uploads asks of the database, the store and the workers, and what of it ends first.

    python3 tests/bench/scale.py    # Markdown tables, the same at every run; they are the end of docs/scale.md, which explains them:
    sed -i '/^## Tables/q' docs/scale.md && { echo; python3 tests/bench/scale.py; } >> docs/scale.md

A model: it starts no service. What things cost stands in scale.json, each figure with its origin; how often they happen is counted
here, with the file that says so. All rates are those of the busiest hour. The last table is a simulation of the queue.
"""
import heapq
import json
import math
import pathlib
import random

FILE = json.loads(pathlib.Path(__file__).with_name("scale.json").read_text())
FILM, COST, LIMIT = ({k: v["value"] for k, v in FILE[part].items()} for part in ("film", "costs", "limits"))
FLEETS = {name: {k: v["value"] for k, v in fleet.items()} for name, fleet in FILE["fleets"].items()}
# Uploads of each hour of a day, of an assumed shape: few at night, most in the evening.
DAY = [3, 2, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 7, 7, 7, 7, 8, 9, 10, 12, 12, 10, 8, 5]
PEAK = max(DAY) / (sum(DAY) / 24)
LEASE = 15  # SLUICE_LEASE_SECONDS; a task beats and a worker signs five times in it, a sweep comes four times
MIB = 1 << 20
UPLOADS, WORKERS = (10**3, 10**4, 10**5, 10**6), (10, 100, 1000, 10**4)


def counts(cores, fleet, uploads_at_once):
    """Of one film, cut for so many cores: its tasks, statements, rows written, wake-ups, requests to the store."""
    rungs, sounds = 6, 2  # 1080 to 144 (common/config/src/encode.rs, plan/ladder.rs); stereo and low (plan/audio.rs)
    segments = 3 + math.ceil((FILM["length_s"] - 6) / 6)  # plan/boundaries.rs: three of 2 s, then 6 s
    chunk_s = min(max(FILM["length_s"] / (4 * cores), 12), 60)  # plan/chunks.rs
    chunks = 3 + math.ceil((segments - 3) / max(1, chunk_s // 6))
    # common/ingest: a share of 48 MiB in three buffers, or what a slow line brings in 2 s.
    share = min(max(48 * MIB / (3 * max(1, uploads_at_once)), 64 << 10), 8 * MIB)
    extent = min(share, max(256 << 10, 2 * FILM["line_bytes_per_s"]))
    extents = math.ceil(FILM["source_bytes"] / extent)
    blocks = FILM["source_bytes"] / MIB * (1 + MIB / extent)  # worker/src/source: blocks of 1 MiB, those over two extents twice
    published = segments * (rungs + sounds)
    sheets, previews = min(chunks, FILM["length_s"] // 10), 12  # plan/images.rs: tiles of 10 s, a sheet for each chunk at least
    posters = min(chunks, 3 + math.ceil(174 / chunk_s))  # of each chunk in the first three minutes the best
    images = sheets + previews + posters
    tasks = {"plan": 1, "hash": 1, "audio": sounds, "chunk": chunks, "finalize": 1}
    statements = {
        "upload": 32 + 5 * extents,  # session, limits, quota, rows; BEGIN, advance (3), COMMIT an extent; complete_in
        "claims": 2 * 2 * sum(tasks.values()) + 2 * chunks,  # clock and UPDATE; again without finding; waiting_for_cores
        "plan": 34 + chunks,  # pipeline/storing.rs (store), packages.rs (store_plan): two a rendition, one a task
        "hash": 17,  # pipeline/hashing.rs, sources.rs (merge_twins)
        "encode": chunks * (12 + rungs) + sounds * 6 + 5 * (rungs + sounds),  # what is there, inits: encoding.rs, claimed.rs
        # claimed.rs: BEGIN, hold, three of publish_segment, COMMIT; is it playable? Of a picture four.
        "segments": published * fleet["statements_per_segment"] + images * 4,
        "complete": (chunks + sounds) * 6,  # pipeline/mod.rs (complete_in)
        "finalize": 38,  # claimed.rs (finish): two of each rendition read, one written
        # Every 6 s of a play segments are asked for; what decides about them is remembered for a second (ADR 55).
        "plays": FILM["plays"] * segments * fleet["reads_per_play_segment"],
    }
    pushes = 2 + min(fleet["pushes_most"], chunks + sounds) + 1 + 1  # completion, plan, hash, the last task before finalize
    rows = 12 + 3 * extents + 26 + chunks + 5 + 4 * published + 2 * images + 3 * (chunks + sounds) + 12 + sum(tasks.values()) + 5 * pushes
    return {"tasks": tasks, "statements": statements, "rows": rows, "pushes": pushes, "extents": extents,
            # Objects: extents, segments, inits, playlists with those of I-frames and the multivariant, pictures.
            "puts": extents + published + 2 * (rungs + sounds) + rungs + 1 + images,
            # The source is read by hash, each sound and all chunks together, a chunk begins three blocks earlier (index, entry point);
            # init segments; two lists. And plays: picture and sound.
            "gets": blocks * (2 + sounds) + 3 * chunks + rungs + sounds + 2 + FILM["plays"] * 2 * segments * FILM["misses"]}


def demand(uploads, workers, fleet):
    """What the busiest hour asks for, every second."""
    cores = workers * fleet["worker_cores"]
    films = uploads / 86400 * PEAK
    needed = films * COST["core_s_per_film"]
    done = films * min(1, cores / needed)  # what is not encoded in this hour waits
    at_once = films * FILM["source_bytes"] / FILM["line_bytes_per_s"]
    apis = max(2, math.ceil(at_once / 20))  # twenty uploads an API at once: extents of 0.8 MiB
    film = counts(fleet["fleet_cores_said"] or cores, fleet, at_once / apis)
    tasks = sum(film["tasks"].values())
    light = COST["plan_s"] + FILM["source_bytes"] / COST["hash_bytes_per_s"] + COST["finalize_s"]
    running = done * (COST["core_s_per_film"] + light)
    queued = (films - done) * 3600 * tasks + running
    busy = min(workers, running)
    listeners = fleet["listeners"] or workers
    notify = done * film["pushes"]
    fetches = notify * listeners  # each listener begins a transaction, looks and ends it
    sweeps = (fleet["sweepers"] or workers) / (LEASE / 4)
    rounds = (fleet["collectors"] or workers) / 60  # of garbage; whichever worker is the first takes the turn (worker/src/sweep.rs)
    stored = fleet["stored_rows_seen"] * uploads * FILM["stored_days"]
    claims = workers / fleet["look_s"] + 2 * done * tasks + notify  # looking, what a task's end finds and finds not, rung
    statements = {
        "films": done * (sum(film["statements"].values()) - film["statements"]["upload"]) + films * film["statements"]["upload"],
        "beats": running / (LEASE / 5) + running / 2,  # heartbeat; progress every 2 s (publish/mod.rs, TELL)
        # A look is two; is a claim still there (claims.rs); two a sign (presence.rs); a ping a second (watch.rs); apalis: four in 10 s.
        "workers": workers * (2 / fleet["look_s"] + 2 / (LEASE / 5) + 1 + 0.4) + busy + apis * 2,
        "sweeps": sweeps * 2 + rounds * 10,  # running, exhausted (sweep.rs); common/upkeep/src/sweep.rs
        "wake-ups": notify * (3 + 6 + 2) + fetches * 3,  # sent; locked and acknowledged; the claim it leads to
    }
    seen = sweeps * (running + queued) + busy * (fleet["worker_cores"] if fleet["own_claims_by_index"] else running) \
        + rounds * min(stored, fleet["rows_a_round"]) + claims * 10
    return {
        "cores": needed, "connections": workers * fleet["connections_per_worker"] + apis * fleet["connections_per_api"] + fleet["pooler_connections"],
        "claims": claims, "heartbeats": running / (LEASE / 5), "statements": sum(statements.values()), "by": statements,
        "seen": seen, "written": done * film["rows"] + running * (1 / 3 + 1 / 2) + workers * (1 / 3 + 0.1), "notify": notify,
        "merges": films, "puts": done * film["puts"] / fleet["prefixes"], "gets": done * film["gets"] / fleet["prefixes"],
        "in": films * FILM["source_bytes"] + done * FILM["source_bytes"] * FILM["package_per_source"],
        "out": done * (FILM["source_bytes"] * 4 + FILM["plays"] * FILM["misses"] * FILM["play_bytes"]),
        "available": cores,
        # Both limits are those of two cores.
        "database": 2 * (sum(statements.values()) / LIMIT["statements_per_s"] + seen / LIMIT["rows_seen_per_s"])}


def uses(d):
    """The share of each limit that is taken."""
    shares = {"cores of workers": d["cores"] / d["available"]}
    for name, key, limit in (("connections", "connections", "connections"), ("claims", "claims", "claims_per_s"),
                             ("statements", "statements", "statements_per_s"), ("rows looked at", "seen", "rows_seen_per_s"),
                             ("rows written", "written", "rows_written_per_s"), ("NOTIFY", "notify", "notify_per_s"),
                             ("merges", "merges", "merges_per_s"), ("S3 PUT", "puts", "s3_put_per_s"), ("S3 GET", "gets", "s3_get_per_s")):
        shares[name] = d[key] / LIMIT[limit]
    return shares


def short(x):
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if x >= size:
            return f"{x / size:.3g} {unit}"
    return f"{x:.2g}" if x < 10 else f"{x:.0f}"


def first(d):
    name, share = max(uses(d).items(), key=lambda x: x[1])
    return f"{name} ({short(share)})"


def table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    print("\n".join("| " + " | ".join(str(c) for c in row) + " |" for row in rows) + "\n")


def edge(name, fleet):
    """The smallest fleet at which a limit is reached, where each worker has a hundred uploads a day: six tenths of what it can do."""
    sizes = (round(10 ** (n / 20)) for n in range(0, 81))
    workers = next((w for w in sizes if uses(demand(100 * w, w, fleet))[name] >= 1), None)
    return f"{workers} workers, {short(100 * workers)} a day" if workers else "not by 10^4 workers"


def simulate(uploads, cores, seed=1):
    """Waits of films over a day, after half a day of running in: Poisson arrivals by DAY, chunks by deadline on free cores."""
    rng = random.Random(seed)
    film = counts(cores, FLEETS["as it is"], 20)
    chunks, alone = film["tasks"]["chunk"], COST["core_s_per_film"] / film["tasks"]["chunk"]
    arrivals, at = [], 0.0
    while (at := at + rng.expovariate(uploads / 86400 * PEAK)) < 129600:
        if rng.random() * max(DAY) < DAY[int(at // 3600) % 24]:
            arrivals.append(at + COST["plan_s"])  # plans have places beside the cores (room.rs)
    free, queue, begins, ready, now, i = [0.0] * cores, [], {}, {}, 0.0, 0
    while i < len(arrivals) or queue:
        now = max(now, heapq.heappop(free))
        if not queue and i < len(arrivals):
            now = max(now, arrivals[i])
        while i < len(arrivals) and arrivals[i] <= now:
            for n in range(chunks):  # due when a player would need it (schedule.rs)
                heapq.heappush(queue, (arrivals[i] + n * FILM["length_s"] / chunks, i, n))
            i += 1
        if queue:
            _, which, _ = heapq.heappop(queue)
            begins.setdefault(which, now - arrivals[which])
            end = now + alone * rng.uniform(0.6, 1.4)
            ready[which] = max(ready.get(which, 0), end - arrivals[which])
            heapq.heappush(free, end)
    counted = [k for k in ready if arrivals[k] >= 43200]
    of = lambda waits, share: sorted(waits[k] for k in counted)[int(len(counted) * share)]
    return [f"{of(waits, share):.0f} s" for waits in (begins, ready) for share in (0.5, 0.95)]


def main():
    film = counts(100, FLEETS["as it is"], 20)
    print(f"The busiest hour has {PEAK:.2f} times the mean. One film: {sum(film['tasks'].values())} tasks, {film['extents']} extents, "
          f"{sum(film['statements'].values())} statements, {film['rows']} rows written, {film['pushes']} wake-ups, "
          f"{film['puts']:.0f} PUT, {film['gets']:.0f} GET, {COST['core_s_per_film']} s of one core.\n")
    table(("statements of a film", "number", "share"), [(k, v, f"{v / sum(film['statements'].values()):.0%}") for k, v in film["statements"].items()])
    for name, fleet in FLEETS.items():
        print(f"### {name[0].upper()}{name[1:]}\n")
        cells = [(u, w, demand(u, w, fleet)) for u in UPLOADS for w in WORKERS]
        table(("uploads a day", "workers", "cores needed / there", "connections", "claims/s", "heartbeats/s", "statements/s", "rows looked at/s",
               "rows written/s", "NOTIFY/s", "PUT/s", "GET/s", "store in, out, MB/s", "PostgreSQL cores", "first limit"),
              [(short(u), w, f"{short(d['cores'])} / {short(d['available'])}", *(short(d[k]) for k in ("connections", "claims", "heartbeats",
                "statements", "seen", "written", "notify")), short(d["puts"] * fleet["prefixes"]), short(d["gets"] * fleet["prefixes"]),
                f"{short(d['in'] / 1e6)}, {short(d['out'] / 1e6)}", short(d["database"]), first(d))
               for u, w, d in cells])
        d = demand(10**6, 10**4, fleet)
        table(("limit", "share of it taken by 10^6 a day, 10^4 workers", "reached with"),
              [(k, short(v), edge(k, fleet)) for k, v in sorted(uses(d).items(), key=lambda x: -x[1]) if k != "cores of workers"])
        table(("statements/s at 10^6 a day, 10^4 workers", "number"), [(k, short(v)) for k, v in d["by"].items()])
    print("### Waiting\n")
    table(("uploads a day", "cores", "busiest hour", "first chunk begins: median", "95 %", "ready: median", "95 %"),
          [(short(u), c, f"{u / 86400 * PEAK * COST['core_s_per_film'] / c:.0%}", *simulate(u, c))
           for u, c in ((10**3, 20), (10**3, 15), (10**3, 12), (10**3, 9), (10**4, 150), (10**4, 120), (10**4, 90))])


if __name__ == "__main__":
    main()

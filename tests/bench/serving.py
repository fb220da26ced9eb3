#!/usr/bin/env python3
"""Requests a second and latency of playback, as ratios to nginx on the same files in the same run.

Run it with `make bench PART=serving`. wrk asks both for the same segments, in turn, round after round; what is printed is the median
round of each. Segments are exactly 130 kB and 800 kB large: a small film is made, and its objects are then written anew in these
sizes. "disk" reads every segment from its file, without memory for segments in the service; "hot" is the service as it is set. nginx
keeps descriptors open, sends with sendfile and decides nothing; neither side writes a line for each request. Exit status 1 when a goal is
missed.

    SLUICE_BENCH_SECONDS   of one round with one server (5)
    SLUICE_BENCH_ROUNDS    rounds (3)
    SLUICE_BENCH_CLIENTS   connections (32)
    SLUICE_BENCH_BIN       where the binaries are (target/release)
"""
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import time

import bench

bench.BIN = pathlib.Path(os.environ.get("SLUICE_BENCH_BIN", bench.BIN))
SECONDS = int(os.environ.get("SLUICE_BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("SLUICE_BENCH_ROUNDS", "3"))
CLIENTS = int(os.environ.get("SLUICE_BENCH_CLIENTS", "32"))
SIZES = {"130 kB": 130_000, "800 kB": 800_000}
missed = []

ROTATE = """
local paths = {}
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
local n = 0
request = function()
  n = n % #paths + 1
  return wrk.format("GET", paths[n])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %.3f %.3f %d %d\\n", summary.requests / (summary.duration / 1e6), latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""

NGINX = """
daemon off; worker_processes auto; pid {dir}/nginx.pid; error_log {dir}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=10000; etag on;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  types {{ video/iso.segment m4s; video/mp4 mp4; application/vnd.apple.mpegurl m3u8; }}
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


class Nginx:
    """nginx over a folder."""

    def __init__(self, root):
        self.dir = bench.WORK / "nginx"
        self.dir.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        user = "user root;" if os.getuid() == 0 else ""
        conf = self.dir / "nginx.conf"
        conf.write_text(NGINX.format(dir=self.dir, port=port, root=root, user=user))
        self.host = f"127.0.0.1:{port}"
        self.process = subprocess.Popen(["nginx", "-p", self.dir, "-c", conf, "-e", self.dir / "error.log"])
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("nginx does not listen")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def wrk(host, paths):
    """Requests a second, and the latency of 99 of 100, milliseconds."""
    script, listed = bench.WORK / "rotate.lua", bench.WORK / "paths"
    script.write_text(ROTATE)
    listed.write_text("".join(path + "\n" for path in paths))
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "-s", script, f"http://{host}/"]
    out = subprocess.run(command, env=dict(os.environ, PATHS=str(listed)), capture_output=True, text=True, check=True).stdout
    rate, p99, wrong, broken = re.search(r"RESULT ([\d.]+) ([\d.]+) (\d+) (\d+)", out).groups()
    assert (wrong, broken) == ("0", "0"), out
    return float(rate), float(p99)


def rounds(sides):
    """The median of each side's rounds; sides take turns, so that what the machine does meanwhile meets all."""
    figures = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, (host, paths) in sides.items():
            figures[name].append(wrk(host, paths))
    return {name: tuple(statistics.median(f[i] for f in list_) for i in (0, 1)) for name, list_ in figures.items()}


def goal(ok):
    return "ok" if ok else "MISSED"


def compare(what, sides, least):
    """Prints each of our sides beside nginx's."""
    found = rounds(sides)
    rate, p99 = found.pop("nginx")
    for name, (ours, our_p99) in found.items():
        good, quick = ours / rate >= least, our_p99 / p99 <= 1.2
        if not (good and quick):
            missed.append(f"{what}, {name}")
        print(f"{what + ', ' + name:<34} {ours:9.0f}/s, nginx {rate:9.0f}/s: {ours / rate:5.2f} (at least {least}: {goal(good)});  "
              f"p99 {our_p99:6.2f} ms, nginx {p99:6.2f} ms: {our_p99 / p99:5.2f} (at most 1.2: {goal(quick)})", flush=True)


class Films:
    """A service with a film in each size of segments, and the paths by which it is played."""

    def __init__(self, service):
        self.service = service
        film = bench.WORK / "film.mkv"
        bench.ffmpeg("-f", "lavfi", "-i", "color=s=160x120:r=5:d=240", "-c:v", "mpeg4", film)
        self.media = []
        for _ in SIZES:
            media, _ = self.service.upload_file(film)
            self.service.ready(media)
            self.media.append(media)
            # The next one is another file, so that it is a package of its own.
            with open(film, "ab") as more:
                more.write(os.urandom(64))
        self.root = self.service.dir / "store"
        self.paths = {size: [] for size in SIZES}
        self.lists = {}
        self.tokens = {}
        self.resize()
        for size, media in zip(SIZES, self.media):
            made = self.service.call("POST", f"/api/v1/media/{media}/playback-tokens", json.dumps({"expires_in": 86400}))
            self.tokens[size] = f"/p/{made['token']}"

    def resize(self):
        database = sqlite3.connect(self.service.dir / "sluice.db", timeout=30)
        for (size, length), media in zip(SIZES.items(), self.media):
            sql = ("SELECT hex(s.package_id), s.rendition, s.object, lower(hex(m.id)) FROM segments s JOIN media m ON m.package_id = s.package_id "
                   "JOIN renditions r ON r.package_id = s.package_id AND r.name = s.rendition WHERE r.role <> 'growing' ORDER BY s.rendition, s.sequence")
            for package, rendition, name, owner in database.execute(sql).fetchall():
                if owner != media.replace("-", ""):
                    continue
                p = package.lower()
                folder = f"{p[:8]}-{p[8:12]}-{p[12:16]}-{p[16:20]}-{p[20:]}/{rendition}"
                (self.root / "packages" / folder / name).write_bytes(os.urandom(length))
                self.paths[size].append(f"{folder}/{name}")
                self.lists.setdefault(f"/hls/{media}/{folder}/index.m3u8", f"/packages/{folder}/bench.m3u8")
                update = "UPDATE segments SET size_bytes = ? WHERE package_id = unhex(?) AND rendition = ? AND object = ?"
                database.create_function("unhex", 1, bytes.fromhex)
                database.execute(update, (length, package, rendition, name))
        database.commit()
        database.close()
        for ours, theirs in self.lists.items():
            status, text = self.service.fetch("GET", ours)
            assert status == 200, ours
            (self.root / theirs[1:]).write_bytes(text)

    def restart(self, **settings):
        """The API alone, with other settings."""
        service = self.service
        for process in [*service.workers, service.api]:
            process.terminate()
            process.wait()
        service.workers = []
        env = dict(bench.ENV, SLUICE_LISTEN="127.0.0.1:0", SLUICE_DATA_DIR=str(service.dir), SLUICE_QUOTAS=bench.NO_QUOTAS, **settings)
        service.api = subprocess.Popen([bench.BIN / "sluice-api"], env=env, stdout=subprocess.PIPE, text=True)
        service.host = service.api.stdout.readline().strip().rsplit("/", 1)[-1]

    def sides(self, nginx, size):
        media = self.media[list(SIZES).index(size)]
        of_media = [f"/hls/{media}/{path}" for path in self.paths[size]]
        return {
            "nginx": (nginx.host, [f"/packages/{path}" for path in self.paths[size]]),
            "public": (self.service.host, of_media),
            "by token": (self.service.host, [self.tokens[size] + path for path in of_media]),
        }


def main():
    service, nginx = bench.Service(config="[encode]\npassthrough = false\n"), None
    try:
        films = Films(service)
        nginx = Nginx(films.root)
        print(f"{len(films.paths['130 kB'])} segments of each size, {CLIENTS} connections, median of {ROUNDS} rounds of {SECONDS} s", flush=True)
        films.restart(SLUICE_SEGMENT_CACHE_BYTES="0")
        for size in SIZES:
            compare(f"{size} from disk", films.sides(nginx, size), 0.95)
        films.restart()
        for size in SIZES:
            compare(f"{size} hot", films.sides(nginx, size), 1.0)
        found = rounds({"nginx": (nginx.host, list(films.lists.values())), "ours": (films.service.host, list(films.lists))})
        tops = rounds({"ours": (films.service.host, [f"/hls/{media}/index.m3u8" for media in films.media])})
        for what, (rate, p99) in [("media playlists", found["ours"]), ("multivariant playlists", tops["ours"])]:
            if rate < 5000:
                missed.append(what)
            print(f"{what:<34} {rate:9.0f}/s (at least 5000: {goal(rate >= 5000)});  p99 {p99:6.2f} ms", flush=True)
        print(f"{'media playlists as files of nginx':<34} {found['nginx'][0]:9.0f}/s;  p99 {found['nginx'][1]:6.2f} ms")
    finally:
        if nginx:
            nginx.stop()
        service.stop()
    print("all goals are reached" if not missed else f"missed: {', '.join(missed)}")
    return bool(missed)


if __name__ == "__main__":
    try:
        status = main()
    finally:
        shutil.rmtree(bench.WORK, ignore_errors=True)
    sys.exit(status)

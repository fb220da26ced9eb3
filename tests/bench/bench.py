#!/usr/bin/env python3
"""Speed and memory of the release binaries, as ratios measured in one run beside the ffmpeg command.

Run it with `make bench`. Every line says what was measured, the figure, and the bound; the exit status is 1
when a bound is broken. Without the shared media a synthetic film stands in, and the output says so.
"""
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "target" / "release"
MEDIA = pathlib.Path(os.environ.get("SLUICE_TEST_MEDIA", ROOT / ".." / "shared" / "media"))
WORK = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench."))
ENV = {"PATH": os.environ["PATH"], "SLUICE_LOG": "warn"}
NO_QUOTAS = ",".join(f"creator.{what}=unlimited" for what in ["stored", "day", "uploads", "media", "encode"])
broken = []


def say(what, figure, bound=None, unit=""):
    ok = bound is None or figure <= bound
    if not ok:
        broken.append(what)
    limit = "" if bound is None else f"  (at most {bound}{unit}: {'ok' if ok else 'BROKEN'})"
    print(f"{what:<70} {figure:8.2f}{unit}{limit}", flush=True)


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def timed(command, env=None):
    """Wall seconds and the largest resident size, bytes, of any process of the command."""
    began = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], env=env or ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return time.monotonic() - began, usage.ru_maxrss * 1024


def rss(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024


class Watch:
    """Largest resident size of a process while it is watched."""

    def __init__(self, pid):
        self.pid, self.most, self.done = pid, 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.done:
            try:
                self.most = max(self.most, rss(self.pid))
            except (FileNotFoundError, AttributeError):
                return
            time.sleep(0.02)

    def stop(self):
        self.done = True
        self.thread.join()
        return self.most


class Service:
    """An API and workers on SQLite and a local directory."""

    def __init__(self, workers=1, cores=2, config="", **settings):
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=WORK))
        (self.dir / "sluice.toml").write_text(config)
        env = dict(ENV, SLUICE_LIMITS="upload=0/1,upload_account=0/1", SLUICE_QUOTAS=NO_QUOTAS, SLUICE_LISTEN="127.0.0.1:0", SLUICE_DATA_DIR=str(self.dir), SLUICE_WORKER_CORES=str(cores),
                   SLUICE_FLEET_CORES=str(max(1, cores * workers)), SLUICE_CONFIG=str(self.dir / "sluice.toml"), **settings)
        self.api = subprocess.Popen([BIN / "sluice-api"], env=env, stdout=subprocess.PIPE, text=True)
        line = self.api.stdout.readline()
        self.host = line.strip().rsplit("/", 1)[-1]
        self.workers = [subprocess.Popen([BIN / "sluice-worker", "run"], env=env) for _ in range(workers)]
        time.sleep(1.5)  # Idle is what is measured, not starting.
        name = uuid.uuid4().hex[:10]
        body = {"username": name, "email": f"{name}@example.org", "password": "a long password"}
        self.token = self.call("POST", "/api/v1/auth/register", json.dumps(body))["access_token"]

    def call(self, method, path, body=None):
        status, data = self.fetch(method, path, body)
        assert status < 300, (path, status, data)
        return json.loads(data)

    def fetch(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        headers = {"Authorization": f"Bearer {getattr(self, 'token', '')}", "Content-Type": "application/json"}
        if not hasattr(self, "token"):
            del headers["Authorization"]
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def upload(self, pieces, size):
        """Streams pieces as one file; the media and the moment of the last byte."""
        boundary = uuid.uuid4().hex
        head = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"visibility\"\r\n\r\nunlisted\r\n--{boundary}\r\n"
                f"Content-Disposition: form-data; name=\"file\"; filename=\"film.mp4\"\r\n\r\n").encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        connection = http.client.HTTPConnection(self.host, timeout=600)
        connection.putrequest("POST", "/api/v1/media")
        connection.putheader("Authorization", f"Bearer {self.token}")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
        connection.putheader("Content-Length", str(len(head) + size + len(tail)))
        connection.endheaders()
        connection.send(head)
        for piece in pieces:
            connection.send(piece)
        connection.send(tail)
        last = time.monotonic()
        response = connection.getresponse()
        data = response.read()
        assert response.status == 201, data
        return json.loads(data)["id"], last

    def resumable(self, file):
        """Sends a file by tus in one request, with curl as the client: a C program, as `cp` is. Seconds."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        common = {"Authorization": f"Bearer {self.token}", "Tus-Resumable": "1.0.0"}
        connection.request("POST", "/api/v1/uploads", headers=dict(common, **{"Upload-Length": str(file.stat().st_size)}))
        response = connection.getresponse()
        response.read()
        assert response.status == 201, response.status
        headers = dict(common, **{"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Expect": ""})
        command = ["curl", "-sS", "-f", "-X", "PATCH", "-T", file, response.getheader("Location")]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        return timed(command)[0]

    def form(self, file):
        """Sends a file as a form, with curl. Seconds."""
        command = ["curl", "-sS", "-f", "-H", f"Authorization: Bearer {self.token}", "-H", "Expect:", "-F", f"file=@{file};type=video/mp4",
                   f"http://{self.host}/api/v1/media"]
        return timed(command)[0]

    def upload_file(self, file):
        return self.upload(iter(lambda: handle.read(1 << 20), b"") if (handle := open(file, "rb")) else [], file.stat().st_size)

    def first_playable(self, media):
        """Until the multivariant playlist answers and the first segment of every rendition loads."""
        while True:
            status, text = self.fetch("GET", f"/hls/{media}/index.m3u8")
            if status == 200 and self.openings_load(media, text.decode()):
                return time.monotonic()
            time.sleep(0.02)

    def openings_load(self, media, text):
        lists = [l for l in text.splitlines() if l and not l.startswith("#")] + re.findall(r'URI="([^"]+)"', text)
        for name in lists:
            status, playlist = self.fetch("GET", f"/hls/{media}/{name}")
            if status != 200:
                return False
            entries = [l for l in playlist.decode().splitlines() if l.endswith(".m4s")]
            folder = name.rsplit("/", 1)[0]
            if not entries or self.fetch("GET", f"/hls/{media}/{folder}/{entries[0]}")[0] != 200:
                return False
        return True

    def ready(self, media):
        while True:
            row = self.call("GET", f"/api/v1/media/{media}")
            assert row["status"] != "failed", row
            if row["status"] == "ready":
                return time.monotonic()
            time.sleep(0.05)

    def stop(self):
        for process in [*self.workers, self.api]:
            process.terminate()
        for process in [*self.workers, self.api]:
            process.wait()
        shutil.rmtree(self.dir)


def films():
    """Four minutes of 720p and of 1080p30, both compliant."""
    real = MEDIA / "bbb_trailer_720p24_mp3_55s.mp4"
    film = WORK / "film-720p.mp4"
    if real.exists():
        ffmpeg("-stream_loop", 5, "-i", real, "-t", 240, "-c", "copy", film)
    else:
        print("the shared media are not at hand: a synthetic film stands in")
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=24:d=240", "-f", "lavfi", "-i", "sine=d=240", "-c:v", "libx264",
               "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 96, "-c:a", "aac", film)
    opening, large = WORK / "opening.mp4", WORK / "film-1080p.mp4"
    source = MEDIA / "bbb_1080p60_h264_aac51_30s.mp4"
    given = ["-i", source] if source.exists() else ["-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=60:d=30", "-f", "lavfi", "-i", "sine=d=30"]
    ffmpeg(*given, "-r", 30, "-t", 30, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", 60, "-b:v", "5M",
           "-c:a", "aac", "-ac", 2, "-b:a", "128k", opening)
    # Picture and sound are looped apart: their lengths differ by milliseconds, which would leave holes.
    picture, sound = WORK / "picture.mp4", WORK / "sound.m4a"
    ffmpeg("-stream_loop", 7, "-i", opening, "-an", "-c", "copy", picture)
    ffmpeg("-stream_loop", 7, "-i", opening, "-vn", "-t", 240, "-c:a", "aac", "-b:a", "128k", sound)
    ffmpeg("-i", picture, "-i", sound, "-map", "0:v", "-map", "1:a", "-c", "copy", "-movflags", "+faststart", large)
    return film, large


LADDER = [(1280, 720, 22, 3000), (852, 480, 22, 1400), (640, 360, 22, 730), (426, 240, 23, 300)]


def reference(film, threads=None):
    """The ffmpeg command with the same ladder, preset, CRF, caps and segments."""
    out = WORK / "reference"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    split = f"[0:v]split={len(LADDER)}" + "".join(f"[s{i}]" for i in range(len(LADDER)))
    scales = [f"[s{i}]scale={w}:{h}:flags=bicubic[v{i}]" for i, (w, h, _, _) in enumerate(LADDER)]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    command += ["-threads", threads, "-filter_complex_threads", threads] if threads else []
    command += ["-i", film, "-filter_complex", ";".join([split, *scales])]
    for i, (_, _, crf, kbps) in enumerate(LADDER):
        command += ["-map", f"[v{i}]", f"-crf:v:{i}", crf, f"-maxrate:v:{i}", f"{kbps}k", f"-bufsize:v:{i}", f"{kbps * 3 // 2}k"]
    command += ["-map", "0:a", "-c:v", "libx264", "-preset", "veryfast", "-sc_threshold", 0, "-force_key_frames", "expr:gte(t,n_forced*2)",
                "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", "-ac", 2]
    command += ["-threads", threads] if threads else []
    streams = " ".join([f"v:{i},agroup:a" for i in range(len(LADDER))] + ["a:0,agroup:a"])
    command += ["-f", "hls", "-hls_time", 6, "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "-var_stream_map", streams,
                "-master_pl_name", "index.m3u8", "-hls_segment_filename", out / "%v_%d.m4s", out / "%v.m3u8"]
    return timed(command)


def transcode(film, *options):
    out = WORK / "package"
    shutil.rmtree(out, ignore_errors=True)
    return timed([BIN / "sluice-worker", "transcode", *options, film, out])


def encoding(film):
    wall, _ = reference(film)
    say("ffmpeg, full ladder of a four-minute film", wall, unit=" s")
    full, _ = transcode(film, "--no-passthrough")
    say("sluice, full ladder, wall over ffmpeg's", full / wall, 0.95)
    passed, _ = transcode(film)
    say("sluice, with passthrough, wall over ffmpeg's", passed / wall, 0.55)


def child_memory(film):
    short = WORK / "short.mp4"
    ffmpeg("-i", film, "-t", 40, "-c", "copy", short)
    _, theirs = reference(short, threads=1)
    _, ours = transcode(short, "--no-passthrough", "--cores", "1")
    say("encoder child, resident over ffmpeg's, one thread, same rungs", ours / theirs, 1.0)


def first_play(large):
    service = Service()
    media, last = service.upload_file(large)
    say("first playable, compliant 1080p film of four minutes", service.first_playable(media) - last, 2.0, " s")
    service.stop()
    service = Service(config="[encode]\npassthrough = false\n")
    media, last = service.upload_file(large)
    say("first segment of every rung, 1080p30 to be encoded", service.first_playable(media) - last, 8.0, " s")
    watch = Watch(service.workers[0].pid)
    time.sleep(15)
    say("worker parent, resident while encoding", watch.stop() / (1 << 20), 128, " MiB")
    service.stop()


def scaling(film):
    clip = WORK / "clip.mp4"
    ffmpeg("-i", film, "-t", 100, "-c", "copy", clip)
    walls = []
    for workers in (1, 2):
        service = Service(workers=workers, cores=1, config="[encode]\npassthrough = false\n")
        media, last = service.upload_file(clip)
        walls.append(service.ready(media) - last)
        service.stop()
    say("two workers of one core, wall over one worker's", walls[1] / walls[0], 0.6)


def upload_memory(film):
    service = Service(workers=0)
    head = film.read_bytes()[: 1 << 20]
    warm = [head]
    service.upload(warm, len(head))
    before = rss(service.api.pid)
    block, count = bytes(1 << 20), 2047
    watch = Watch(service.api.pid)
    began = time.monotonic()
    service.upload((head if i == 0 else block for i in range(count + 1)), (count + 1) << 20)
    wall = time.monotonic() - began
    say("API, resident growth during a 2 GiB upload", (watch.stop() - before) / (1 << 20), 32, " MiB")
    say("API, upload rate", 2048 / wall, unit=" MiB/s")
    service.stop()


def crowd_of_uploads(film):
    """Memory of two hundred resumable uploads at once."""
    service = Service(workers=0)
    head, block, blocks = film.read_bytes()[: 1 << 20], bytes(1 << 20), 12

    def tus(count):
        connection = http.client.HTTPConnection(service.host, timeout=600)
        common = {"Authorization": f"Bearer {service.token}", "Tus-Resumable": "1.0.0"}
        connection.request("POST", "/api/v1/uploads", headers=dict(common, **{"Upload-Length": str((count + 1) << 20)}))
        response = connection.getresponse()
        response.read()
        assert response.status == 201, response.status
        path = "/" + response.getheader("Location").split("/", 3)[3]
        connection.putrequest("PATCH", path)
        for name, value in dict(common, **{"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream",
                                           "Content-Length": str((count + 1) << 20)}).items():
            connection.putheader(name, value)
        connection.endheaders()
        for i in range(count + 1):
            connection.send(head if i == 0 else block)
        response = connection.getresponse()
        response.read()
        assert response.status == 204, response.status

    tus(1)
    watch = Watch(service.api.pid)
    threads = [threading.Thread(target=tus, args=(blocks,)) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("API, resident with 200 resumable uploads at once", watch.stop() / (1 << 20), 256, " MiB")
    service.stop()


def large_file(film, gibibytes):
    """A file that begins as a film does and goes on with noise, which nothing compresses."""
    file, noise = WORK / f"large-{gibibytes}.bin", os.urandom(64 << 20)
    with open(file, "wb") as out:
        out.write(film.read_bytes()[: 1 << 20].ljust(1 << 20, b"\0"))
        for _ in range(16 * gibibytes):
            out.write(noise)
        out.truncate(gibibytes << 30)
        os.fsync(out.fileno())
    return file


def one_stream(film):
    """Rate of one upload beside `cp` of the same file onto the same disk, in turns; the middle of three."""
    service, source = Service(workers=0), large_file(film, 1)
    figures = {"tus": [], "form": [], "cp": [], "cp and sync": []}
    for i in range(3):
        copy = service.dir / f"copy-{i}.bin"
        os.sync()  # Nobody pays for what another left unwritten.
        began = time.monotonic()
        subprocess.run(["cp", "--reflink=never", "--sparse=never", source, copy], check=True)
        figures["cp"].append(time.monotonic() - began)
        subprocess.run(["sync", copy], check=True)
        figures["cp and sync"].append(time.monotonic() - began)
        for way, send in (("tus", service.resumable), ("form", service.form)):
            os.sync()
            figures[way].append(send(source))
    middle = {name: sorted(list)[1] for name, list in figures.items()}
    print("1 GiB: " + ", ".join(f"{name} {1024 / s:.0f} MiB/s" for name, s in middle.items()))
    for way in ("tus", "form"):
        say(f"{way} over `cp`, time", middle[way] / middle["cp"], 1 / 0.8, "x")
        say(f"{way} over `cp && sync`, time", middle[way] / middle["cp and sync"], 1 / 0.8, "x")
    service.stop()


def upload_to_s3(film):
    """Five gibibytes to an S3 server: memory of the API, and what it writes to a disk of its own."""
    url = os.environ.get("SLUICE_TEST_S3")
    if not url:
        print("no S3 server is at hand (make bench starts one): the upload to it is left out")
        return
    keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    service, source = Service(workers=0, SLUICE_STORE_URL=url, **keys), large_file(film, 5)
    written = lambda: int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{service.api.pid}/io").read_text(), re.M).group(1))
    watch, before, idle = Watch(service.api.pid), written(), rss(service.api.pid)
    seconds = service.resumable(source)
    print(f"5 GiB to S3: {5120 / seconds:.0f} MiB/s")
    say("API, resident above idle, 5 GiB to S3", (watch.stop() - idle) / (1 << 20), 64, " MiB")
    say("API, written to its own disk, 5 GiB to S3", (written() - before) / (1 << 20), 64, " MiB")
    source.unlink()
    service.stop()


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wanted = sys.argv[1:]
    film, large = films()
    parts = {"crowd": lambda: crowd_of_uploads(film), "stream": lambda: one_stream(film), "s3": lambda: upload_to_s3(film), "upload": lambda: upload_memory(film), "first": lambda: first_play(large), "memory": lambda: child_memory(film),
             "scaling": lambda: scaling(film), "encoding": lambda: encoding(film)}
    for name, part in parts.items():
        if not wanted or name in wanted:
            part()
    print("all bounds hold" if not broken else f"broken: {', '.join(broken)}")
    return bool(broken)


if __name__ == "__main__":
    try:
        status = main()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    sys.exit(status)

#!/usr/bin/env python3
"""When each kind of film can first be watched, when it is ready, and how far the service's estimates are off.

Run it with `make bench PART=first-play`, or by hand with names of kinds as arguments. One line for each kind:
seconds after the last byte until the first segment of every growing rendition loads, until the media is `playable`
and until it is `ready`; the rungs that could be watched first; and the largest errors of the estimates, from the
fifth second on, over the time that was really left.
"""
import os
import pathlib
import re
import shutil
import sys
import threading
import time

import bench

bench.BIN = pathlib.Path(os.environ.get("SLUICE_BENCH_BIN", bench.BIN))
SECONDS = int(os.environ.get("SLUICE_BENCH_SECONDS", "30"))
# Estimates of what is nearly there are judged by this much.
NEAR_S = 2.0


def lavfi(size, rate, noise=6):
    picture = f"testsrc2=s={size}:r={rate}:d={SECONDS},noise=alls={noise}:allf=t"
    return ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=d={SECONDS}"]


X264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac", "-b:a", "128k"]
# An interval between frames that is now longer and now shorter, as phones make it.
UNEVEN = ["-vf", "setpts='PTS+0.2*mod(N,3)/(30*TB)'", "-fps_mode", "vfr", "-video_track_timescale", "90000"]
HDR = "hdr-opt=1:repeat-headers=1:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc:log-level=none"
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1"]

KINDS = {
    "phone, uneven H.264": ("phone.mp4", [*lavfi("1920x1080", 30), *UNEVEN, *X264, "-b:v", "12M", "-g", "30", *AAC]),
    "phone, HEVC 10-bit HLG": ("hdr.mp4", [*lavfi("1920x1080", 30), *X265, "-x265-params", HDR, "-g", "30", *AAC]),
    "4K30, HEVC 10-bit": ("4k.mp4", [*lavfi("3840x2160", 30), *X265, "-x265-params", "log-level=none:keyint=60", "-b:v", "40M", *AAC]),
    "screen recording": ("screen.mkv", [*lavfi("1920x1080", 30, 0), *X264, "-crf", "23", "-g", "250", "-c:a", "libopus"]),
    "WebM of a browser": ("browser.webm", [*lavfi("1280x720", 30), "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2500k",
                                           "-g", "100", "-c:a", "libopus"]),
    "DVR, interlaced": ("dvr.ts", [*lavfi("1920x1080", 25), "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-top", "1", "-b:v", "12M", "-g", "12",
                                   "-pix_fmt", "yuv420p", "-c:a", "mp2", "-b:a", "192k"]),
}


def made(name, arguments):
    folder = pathlib.Path(os.environ.get("SLUICE_BENCH_FILMS", bench.WORK))
    folder.mkdir(parents=True, exist_ok=True)
    film = folder / f"{SECONDS}-{name}"
    if not film.exists():
        bench.ffmpeg(*arguments, film)
    return film


class Follower(threading.Thread):
    """Asks for the status now and then: when it changed, and what was estimated."""

    def __init__(self, service, media, last):
        super().__init__(daemon=True)
        self.service, self.media, self.last = service, media, last
        self.at, self.said = {}, []
        self.start()

    def run(self):
        while "ready" not in self.at:
            status = self.service.call("GET", f"/api/v1/media/{self.media}/status")
            now = time.monotonic() - self.last
            assert status["status"] != "failed", status
            for name in ("playable", "ready"):
                if status["status"] in (name, "ready"):
                    self.at.setdefault(name, now)
            self.said.append((now, status["playable_in_ms"], status["ready_in_ms"]))
            time.sleep(0.25)

    def worst(self, index, name):
        """The largest error of an estimate, as a share of what was left."""
        errors = [0.0]
        for said in self.said:
            left = self.at[name] - said[0]
            if said[0] < 5 or left <= 0:
                continue
            guess = float("inf") if said[index] is None else said[index] / 1000
            errors.append(abs(guess - left) / max(left, NEAR_S))
        return max(errors)


def measure(kind, film):
    service = bench.Service()
    media, last = service.upload_file(film)
    follower = Follower(service, media, last)
    first = service.first_playable(media) - last
    playlist = service.fetch("GET", f"/hls/{media}/index.m3u8")[1].decode()
    rungs = ",".join(sorted(re.findall(r"/(\w+)/(?:event|index)\.m3u8(?=\n|$)", playlist)))
    follower.join()
    at = follower.at
    if os.environ.get("SLUICE_BENCH_VERBOSE"):
        for said in follower.said[::4]:
            print("   ", "%.1f %s %s" % said, file=sys.stderr)
    print(f"{kind:<24} {first:7.1f} {at['playable']:9.1f} {at['ready']:7.1f}  {follower.worst(1, 'playable'):8.0%} {follower.worst(2, 'ready'):8.0%}  {rungs}", flush=True)
    service.stop()


def main():
    wanted = sys.argv[1:]
    print(f"{SECONDS} s of each: seconds to the first segment, playable, ready; worst estimates of both; rungs of the first")
    for kind, (name, arguments) in KINDS.items():
        if not wanted or any(w in kind for w in wanted):
            measure(kind, made(name, arguments))


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(bench.WORK, ignore_errors=True)

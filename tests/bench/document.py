#!/usr/bin/env python3
"""Runs every part of the bench, one after the other, and writes what they said into docs/benchmarks.md, with the machine and the
versions of what was measured. The exit status is 1 when a part broke one of its bounds.

Run it with `make bench PART=all` on a machine that does nothing else.
"""
import datetime
import os
import pathlib
import platform
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PARTS = [
    ("Encoding, uploads and memory", "bench.py", "Ratios beside the `ffmpeg` command and `cp`, in one run."),
    ("Until a film can be watched", "first_play.py", "By kind of file; the estimates are those that the API gives."),
    ("Playback", "serving.py", "Beside nginx with the same files, on the same two cores as the load generator."),
]


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else "unknown"


def said(*command):
    """The output of a program that may be missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        return ""
    return done.stdout + done.stderr


def machine():
    processors = said("lscpu")
    memory = int(first(r"^MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())) / 2**20
    return [
        ("processor", f"{first(r'Model name:(.+)$', processors)}, {os.cpu_count()} cores, L3 {first(r'L3.*?:(.+)$', processors)}"),
        ("memory", f"{memory:.0f} GiB"),
        ("kernel", platform.release()),
        ("Sluice", first(r"(.+)", said("git", "-C", str(ROOT), "describe", "--always", "--dirty"))),
        ("compiler", first(r"^rustc (\S+)", said("rustc", "--version"))),
        ("FFmpeg", first(r"^ffmpeg version (\S+)", said("ffmpeg", "-version"))),
        ("x264", first(r"264 - core (\d+)", said("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=d=0.1", "-c:v", "libx264", "-f", "h264", "-"))),
        ("nginx", first(r"nginx/(\S+)", said("nginx", "-v"))),
        ("PostgreSQL", first(r"(\d+\.\d+)", said("psql", "--version"))),
    ]


def run(script):
    """What a part says, as it is said too, and whether all its bounds held."""
    lines = []
    process = subprocess.Popen([sys.executable, str(HERE / script)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line.rstrip())
    return "\n".join(lines), process.wait() == 0


def main():
    load = os.getloadavg()[0]
    day = datetime.date.today().isoformat()
    text = ["# Measurements", "", f"Written by `make bench PART=all` on {day}; the load of the machine before was {load:.2f}.", "", "| | |", "|---|---|"]
    text += [f"| {name} | {value} |" for name, value in machine()]
    good = True
    for title, script, about in PARTS:
        output, held = run(script)
        good = good and held
        text += ["", f"## {title}", "", about, "", "```", output, "```"]
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(text) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

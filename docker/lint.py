#!/usr/bin/env python3
"""Checks the container files where no engine is at hand: instructions, users, base images, services, Kubernetes manifests.

With `--all` nothing may be left out for want of a library or a program."""
import pathlib
import re
import sys

# What Python keeps of a module that is read is no part of this folder.
sys.dont_write_bytecode = True
import lint_kubernetes

HERE = pathlib.Path(__file__).parent
KNOWN = {"FROM", "RUN", "COPY", "WORKDIR", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD", "ARG", "LABEL"}
faults = []


def dockerfile(path):
    text = re.sub(r"\\\n", " ", path.read_text())
    lines = [l for l in text.splitlines() if l.strip() and not l.lstrip().startswith("#")]
    words = [l.split()[0] for l in lines]
    faults.extend(f"{path.name}: unknown instruction {w}" for w in words if w not in KNOWN)
    if words[0] != "FROM":
        faults.append(f"{path.name}: does not begin with FROM")
    for line in lines:
        if line.startswith("FROM") and (":" not in line or ":latest" in line):
            faults.append(f"{path.name}: base image without a version")
        if "apt-get install" in line and ("--no-install-recommends" not in line or "rm -rf /var/lib/apt/lists" not in line):
            faults.append(f"{path.name}: apt-get leaves things behind")
        for source in re.findall(r"^COPY (?!--from)(\S+)", line):
            if not (HERE.parent / source).exists():
                faults.append(f"{path.name}: COPY of missing {source}")
    final = words[len(words) - words[::-1].index("FROM"):]
    faults.extend(f"{path.name}: last stage has no {need}" for need in ("USER", "ENTRYPOINT") if need not in final)


def compose(path):
    text = path.read_text()
    services = re.findall(r"^  (\w+):\n    (?:image|build)", text, re.M)
    for need in ("postgres", "s3", "api", "worker"):
        if need not in services:
            faults.append(f"compose: no service {need}")
    for name in re.findall(r"dockerfile: docker/(\S+?) ?}", text):
        if not (HERE / name).exists():
            faults.append(f"compose: {name} is missing")
    worker = text.split("\n  worker:\n", 1)[-1].split("\n\n", 1)[0]
    if "container_name" in worker or "ports" in worker:
        faults.append("compose: the worker cannot be scaled")
    if "\t" in text:
        faults.append("compose: tabs")
    try:
        import yaml
    except ImportError:
        return
    yaml.safe_load(text)


for file in sorted(HERE.glob("*.Dockerfile")):
    dockerfile(file)
compose(HERE / "compose.yaml")
found, left = lint_kubernetes.check("--all" in sys.argv[1:])
faults.extend(found)
for what in left:
    print(f"docker files: not looked at: {what}")
print("\n".join(faults) or "docker files: ok")
sys.exit(bool(faults))

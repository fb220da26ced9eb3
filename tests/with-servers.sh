#!/usr/bin/env bash
# Runs a command beside a throw-away PostgreSQL cluster and a SeaweedFS S3 server on free loopback ports:
#   tests/with-servers.sh COMMAND...
# Everything lives in one temporary folder and ends with the command.
set -euo pipefail
weed=${SLUICE_TEST_WEED:?run it through make: the path of the weed program is needed}
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$pg/initdb" ] || { echo "no PostgreSQL server programs found" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/sluice-servers.XXXXXX")
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# psql and python3 themselves before what distributions and version managers put in front of them: tests start both
# thousands of times.
PATH="$pg:$(dirname "${SLUICE_TEST_PYTHON:?run it through make}"):$PATH"

# PostgreSQL refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi
mkdir "$dir/pg"
chmod 755 "$dir"
[ "$(id -u)" = 0 ] && chown postgres:postgres "$dir/pg"

# The gRPC port of a SeaweedFS server is its port plus 10000. All stay below those that the system gives to clients.
read -r pgport master volume filer s3 < <(python3 - <<'PY'
import random, socket
ports = []
while len(ports) < 5:
    port = random.randint(10000, 22000)
    try:
        for p in (port, port + 10000):
            with socket.socket() as s:
                s.bind(("127.0.0.1", p))
        ports.append(port)
    except OSError:
        pass
print(*ports)
PY
)

"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust -E UTF8 --no-sync >"$dir/initdb.log" 2>&1 \
  || { cat "$dir/initdb.log" >&2; exit 1; }
"${as[@]}" "$pg/postgres" -D "$dir/pg/data" -p "$pgport" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c max_connections=800 -c fsync=off -c full_page_writes=off >"$dir/pg.log" 2>&1 &
pids+=($!)

key=sluicetest secret=sluicetestsecret
cat >"$dir/s3.json" <<JSON
{"identities": [{"name": "test", "credentials": [{"accessKey": "$key", "secretKey": "$secret"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
JSON
# What it offers beside S3 has fixed ports, which two runs at once would contend for; nobody is told of tests.
mkdir "$dir/weed"
"$weed" server -dir="$dir/weed" -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.port="$master" -volume.port="$volume" \
  -filer -filer.port="$filer" -s3 -s3.port="$s3" -s3.config="$dir/s3.json" -s3.port.iceberg=0 -s3.port.lance=0 \
  -master.telemetry=false -master.volumeSizeLimitMB=64 -volume.max=200 \
  >"$dir/weed.log" 2>&1 &
pids+=($!)

wait_for() {
  for _ in $(seq 1 300); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  echo "not ready: $*" >&2
  tail -n 20 "$dir"/*.log >&2
  return 1
}
wait_for "$pg/pg_isready" -h 127.0.0.1 -p "$pgport"
make_bucket() {
  curl -sf -o /dev/null --max-time 5 --aws-sigv4 "aws:amz:us-east-1:s3" --user "$key:$secret" -X PUT "http://127.0.0.1:$s3/sluice"
}
has_volume() { curl -sf --max-time 5 "http://127.0.0.1:$master/dir/assign" | grep -q '"fid"'; }
wait_for make_bucket
# The bucket exists before there is a volume to write to.
wait_for has_volume

# What the first test of a kind prepares for all others.
mkdir "$dir/prepared"
export SLUICE_TEST_PREPARED="$dir/prepared"
export SLUICE_TEST_POSTGRES="postgres://postgres@127.0.0.1:$pgport"
export SLUICE_TEST_S3="s3://sluice/test?endpoint=http://127.0.0.1:$s3&region=us-east-1"
export AWS_ACCESS_KEY_ID="$key" AWS_SECRET_ACCESS_KEY="$secret"
"$@"

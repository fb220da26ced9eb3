#!/usr/bin/env bash
# Fuzzes every target, or those that are named, for FUZZ_SECONDS each (`make fuzz`, part of `make proof`). What is found
# is left in tests/fuzz/artifacts; once it is mended, the input goes into tests/fuzz/corpus, where the tests run it.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-180}
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked --version 0.13.2
# The same versions of everything as in the service.
cp Cargo.lock tests/fuzz/Cargo.lock
# Without a sanitizer the stable compiler suffices; unsafe code is FFmpeg's border alone, which no target reaches.
fuzz=(--fuzz-dir tests/fuzz --sanitizer none)
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(cargo fuzz list --fuzz-dir tests/fuzz)
failed=()
for target in "${targets[@]}"; do
    found=tests/fuzz/target/found/$target
    mkdir -p "$found"
    echo "--- $target, $seconds s"
    cargo fuzz run "${fuzz[@]}" "$target" "$found" "tests/fuzz/corpus/$target" -- -max_total_time="$seconds" \
        -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 -verbosity=0 || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }

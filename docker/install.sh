#!/usr/bin/env bash
# Installs Debian or Ubuntu packages that are missing: `docker/install.sh build`, `test` or `bench`.
set -euo pipefail
build=(build-essential clang libclang-dev pkg-config ffmpeg libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev
  libswresample-dev libswscale-dev)
test=(chromium curl faketime nginx nodejs openssl postgresql postgresql-client prometheus python3 python3-pip python3-venv unzip)
bench=(nginx wrk)
# Programs that may come from elsewhere than a package.
has() {
  case "$1" in
    nodejs) command -v node && command -v npm ;;
    python3-pip) python3 -m pip --version ;;
    python3-venv) python3 -c 'import ensurepip, venv' ;;
    postgresql) ls /usr/lib/postgresql/*/bin/initdb ;;
    postgresql-client) command -v psql ;;
    prometheus) command -v prometheus && command -v promtool ;;
    curl | openssl | python3 | unzip | chromium | nginx | wrk) command -v "$1" ;;
    *) dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
  esac >/dev/null 2>&1
}
declare -n wanted=$1
missing=()
for package in "${wanted[@]}"; do has "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}"
as=()
if [ "$(id -u)" != 0 ]; then as=(sudo); fi
export DEBIAN_FRONTEND=noninteractive
"${as[@]}" apt-get update -qq
case " ${missing[*]} " in *" nodejs "*) missing+=(npm) ;; esac
"${as[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

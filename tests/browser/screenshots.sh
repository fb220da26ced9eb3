#!/bin/bash
# Pictures of every page of the web app. Arguments: folder with the binaries, folder for the pictures.
set -euo pipefail
bin=$(realpath "$1") out=$(realpath -m "$2") here=$(dirname "$(realpath "$0")")
data=$(mktemp -d)
env SLUICE_LISTEN=127.0.0.1:0 SLUICE_DATA_DIR="$data" SLUICE_LIMITS=login=0/1,register=0/1,upload=0/1,upload_account=0/1 \
  SLUICE_ADMIN_USERNAME=root SLUICE_ADMIN_EMAIL=root@example.org SLUICE_ADMIN_PASSWORD="correct horse battery" \
  "$bin/sluice-api" --with-worker >"$data/out" 2>"$data/log" &
api=$!
trap 'kill $api; wait $api || true; rm -rf "$data"' EXIT
until port=$(grep -om1 'http://127.0.0.1:[0-9]*' "$data/out" | grep -o '[0-9]*$'); do kill -0 $api; sleep 0.1; done
media=${SLUICE_TEST_MEDIA:-$here/../../../shared/media}
films=("$media"/{bbb_480x270_25fps_33s.mp4,portrait_720x1080.mp4,templeos_hymn_cover_60s.m4a,bikes_noaudio_25fps.mp4})
if [ ! -e "${films[0]}" ]; then
  for colour in teal orange; do
    ffmpeg -v error -f lavfi -i "testsrc2=s=640x360:r=25:d=20,hue=h=$([ $colour = teal ] && echo 60 || echo 200)" -f lavfi -i sine=d=20 -pix_fmt yuv420p "$data/$colour.mp4"
  done
  films=("$data"/{teal,orange}.mp4)
fi
cd "$here" && node screenshots.mjs "http://localhost:$port" "$out" "${films[@]}"
echo "$out"

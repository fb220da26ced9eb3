#!/usr/bin/env bash
# Puts built binaries, units, manual pages, completions and an example configuration into one Debian package:
#   docker/deb/build.sh FOLDER_OF_BINARIES FOLDER_FOR_THE_PACKAGE
# The name of the package is the last line that is printed.
set -euo pipefail
bin=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
for tool in dpkg-deb dpkg-shlibdeps gzip; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install dpkg-dev" >&2; exit 1; }
done
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml")
arch=$(dpkg --print-architecture)
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
install -d "$root/DEBIAN" "$root/usr/bin" "$root/etc/sluice"

for program in sluice-api sluice-worker; do
  install -m 755 "$bin/$program" "$root/usr/bin/"
  strip --strip-unneeded "$root/usr/bin/$program" 2>/dev/null || true
  "$bin/$program" manual "$work/manual"
done
# What `help` says stands in the pages of the commands.
rm -f "$work"/manual/man1/*-help*.1
install -d "$root/usr/share/man/man1"
install -m 644 "$work"/manual/man1/*.1 "$root/usr/share/man/man1/"
gzip -9n "$root"/usr/share/man/man1/*.1
for program in sluice-api sluice-worker; do
  install -D -m 644 "$work/manual/completions/$program.bash" "$root/usr/share/bash-completion/completions/$program"
  install -D -m 644 "$work/manual/completions/_$program" "$root/usr/share/zsh/vendor-completions/_$program"
  install -D -m 644 "$work/manual/completions/$program.fish" "$root/usr/share/fish/vendor_completions.d/$program.fish"
  install -D -m 644 "$here/../systemd/$program.service" "$root/usr/lib/systemd/system/$program.service"
done
install -D -m 644 "$here/sluice.sysusers" "$root/usr/lib/sysusers.d/sluice.conf"
install -m 640 "$here/sluice.toml" "$root/etc/sluice/"
install -D -m 644 "$here/../../README.md" "$root/usr/share/doc/sluice/README.md"
install -D -m 644 "$here/../../docs/operations.md" "$root/usr/share/doc/sluice/operations.md"
gzip -9nc "$here/../../CHANGELOG.md" >"$root/usr/share/doc/sluice/changelog.gz"
cat >"$root/usr/share/doc/sluice/copyright" <<COPYRIGHT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: sluice

Files: *
License: GPL-3.0-or-later
 On Debian systems the text of the licence is in /usr/share/common-licenses/GPL-3.
COPYRIGHT
chmod 644 "$root/usr/share/doc/sluice/"*

# The libraries that the binaries were linked with, in the versions that they need.
install -d "$work/debian"
printf 'Source: sluice\n\nPackage: sluice\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O root/usr/bin/sluice-api root/usr/bin/sluice-worker 2>"$work/shlibdeps.log" |
  sed -n 's/^shlibs:Depends=//p') || { cat "$work/shlibdeps.log" >&2; exit 1; }
cat >"$root/DEBIAN/control" <<CONTROL
Package: sluice
Version: $version
Architecture: $arch
Maintainer: The Sluice authors <noreply@localhost>
Section: video
Priority: optional
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: ca-certificates, $depends
Recommends: systemd
Suggests: postgresql-client
Description: video service with HLS transcoding, to run yourself
 People upload video or sound in an app or through an API; workers turn it into HLS, the API serves it.
 sluice-api is the API with its app, sluice-worker transcodes. Nothing is started by the installation:
 systemctl enable --now sluice-api sluice-worker
CONTROL
echo /etc/sluice/sluice.toml >"$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$root/DEBIAN/"
(cd "$root" && find usr etc -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/conffiles" "$root/DEBIAN/md5sums"
package=$out/sluice_${version}_$arch.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"

#!/bin/bash
# Makes the next version of built packages, with a changed conffile, to try an upgrade with.
# usage: next-version.sh DEBS TARGET
set -euo pipefail
mkdir -p "$2"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for deb in "$1"/*.deb; do
  root=$place/$(basename "$deb" .deb)
  dpkg-deb -R "$deb" "$root"
  old=$(sed -n 's/^Version: //p' "$root/DEBIAN/control")
  new=$old+next1
  sed -i "s/^Version: .*/Version: $new/; s/splynx-stripe (>= $old), splynx-stripe (<< $old\.1~)/splynx-stripe (>= $new), splynx-stripe (<< $new.1~)/" "$root/DEBIAN/control"
  program=$root/usr/lib/splynx-stripe/splynx_stripe/__init__.py
  [ ! -e "$program" ] || sed -i "s/^__version__ = .*/__version__ = \"$new\"/" "$program"
  settings=$root/etc/splynx-stripe/config.yaml
  [ ! -e "$settings" ] || echo "# A line of the next version." >>"$settings"
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  dpkg-deb --root-owner-group -Zgzip -z1 -b "$root" "$2/$(basename "$deb" | sed "s/_$old/_$new/")" >/dev/null
done

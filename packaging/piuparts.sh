#!/bin/bash
# Installs, removes and purges the package in a bare Debian 12, and looks for what is left behind.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/packaging/needs.sh" checks
"$top/packaging/needs.sh" test
if [ "$(id -u)" -ne 0 ]; then
  echo "piuparts: skipped: it needs root; run it as root"
  exit 0
fi
cache=$top/.cache/install-test
if ! archive=$(python3 "$top/packaging/install-test/debian_root.py" "$cache" 2>&1 | tail -n 1); then
  echo "piuparts: skipped: $archive"
  exit 0
fi
base=${archive%.tar}.tar.gz
[ "$base" -nt "$archive" ] || gzip -1 <"$archive" >"$base"
log=$cache/piuparts.log
if ! piuparts --basetgz="$base" -d bookworm --no-eatmydata --skip-logrotatefiles-test \
  --ignore-regex='/var/cache/debconf/tmp.ci.*' --log-file="$log" "$top"/dist/splynx-stripe_*.deb "$top"/dist/splynx-stripe-sandbox_*.deb >/dev/null 2>&1; then
  grep -E 'ERROR|FAIL' "$log" | head -n 20 >&2
  echo "piuparts: failed; all of its output is in $log" >&2
  exit 1
fi
echo "piuparts: installs, removes and purges, and leaves nothing but the final backup of the database"

#!/bin/bash
# Fills a folder with the wheels (and systemd-python's source) that requirements.lock pins by hash.
# usage: wheels.sh FOLDER. Does nothing when the folder was filled from the same lock.
set -euo pipefail
folder=$1
lock=$(sha256sum requirements.lock)
[ "$(cat "$folder/.lock" 2>/dev/null)" != "$lock" ] || exit 0

echo "Fetching the locked libraries into $folder …"
rm -rf "$folder"
mkdir -p "$folder"
# systemd-python exists as source only, and needs a build against this Debian's libsystemd anyway.
# From the index that pip is configured for here; the hashes make it indifferent which one that is.
/usr/bin/python3.11 -m pip --disable-pip-version-check download --quiet \
  --no-deps --require-hashes --only-binary :all: --no-binary systemd-python --no-build-isolation \
  --dest "$folder" --requirement requirements.lock
echo "$lock" >"$folder/.lock"

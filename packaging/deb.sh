#!/bin/bash
# Builds the packages from a clean copy of the tree, so that nothing is left behind in it.
# usage: deb.sh [--source SNAPSHOT] [--build-dir FOLDER] [TARGET]   (TARGET: dist)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
source='' build=$top/.cache/deb/build target=$top/dist
while [ $# -gt 0 ]; do
  case $1 in
    --source) source=$2; shift 2 ;;
    --build-dir) build=$2; shift 2 ;;
    *) target=$1; shift ;;
  esac
done
"$top/packaging/needs.sh" build
cd "$top"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export SPLYNX_STRIPE_WHEELS=${SPLYNX_STRIPE_WHEELS:-$top/.cache/wheels}
packaging/wheels.sh "$SPLYNX_STRIPE_WHEELS"

rm -rf "$build"
mkdir -p "$build" "$target"
if [ -n "$source" ]; then
  cp -a "$source" "$build/splynx-stripe"
else
  packaging/snapshot.sh "$build/splynx-stripe"
fi

cd "$build/splynx-stripe"
umask 022
if ! dpkg-buildpackage --build=binary --no-sign >"$build/build.log" 2>&1; then
  tail -n 40 "$build/build.log" >&2
  echo "The build failed; all of its output is in $build/build.log." >&2
  exit 1
fi
rm -f "$target"/splynx-stripe*.{deb,changes,buildinfo}
cp "$build"/*.deb "$build"/*.changes "$build"/*.buildinfo "$target/"
(cd "$build" && sha256sum ./*.deb)

#!/bin/bash
# Builds twice, from different folders, in different time zones, languages and umasks, and compares.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
place=$top/.cache/deb/twice
rm -rf "$place"
"$top/packaging/snapshot.sh" "$place/source"
(TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 "$top/packaging/deb.sh" --source "$place/source" --build-dir "$place/one" "$place/first")
(umask 077 && TZ=America/St_Johns LC_ALL=C "$top/packaging/deb.sh" --source "$place/source" --build-dir "$place/another/longer/path" "$place/second")
cd "$place"
for deb in first/*.deb; do
  if ! cmp "$deb" "second/$(basename "$deb")"; then
    echo "reproducible: $(basename "$deb") differs (diffoscope $place/first/… $place/second/… says where)" >&2
    exit 1
  fi
done
echo "reproducible: $(find first -name '*.deb' | wc -l) packages, the same bytes from two builds"

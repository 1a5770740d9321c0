#!/bin/bash
# Lets lintian judge the packages in dist/; errors fail.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/packaging/needs.sh" checks
mapfile -t found < <(find "$top/dist" -maxdepth 1 -name '*.changes')
if [ ${#found[@]} -ne 1 ]; then
  echo "lint: dist/ has ${#found[@]} .changes files; it should have one. Remove dist/ and run make deb." >&2
  exit 1
fi
lintian --fail-on error --suppress-tags bad-distribution-in-changes-file "${found[0]}"
echo "lint: lintian finds no error"

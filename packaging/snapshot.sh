#!/bin/bash
# Copies the source, as git knows it and as it is now, into an empty folder. usage: snapshot.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf "$1"
mkdir -p "$1"
if git rev-parse --git-dir >/dev/null 2>&1; then
  git ls-files -z --cached --others --exclude-standard
else
  find . \( -path ./.cache -o -path ./.venv -o -path ./dist -o -path ./artefacts \) -prune -o -type f -print0
fi | while IFS= read -r -d '' file; do
  case $file in tests/* | bench/*) continue ;; esac
  [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar --null --files-from=- -cf - | tar -C "$1" -xf -

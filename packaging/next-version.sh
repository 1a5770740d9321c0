#!/bin/bash
# Makes the next version of built packages, to try an upgrade with: with a changed conffile, and with a
# migration that gives the database another form, which the version before does not know.
# usage: next-version.sh DEBS TARGET
set -euo pipefail
schema=9999
mkdir -p "$2"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# Adds the migration to the program below $1.
change_the_database() {
  local store=$1/store last
  last=$(find "$store/migrations/versions" -name 'r*.py' -printf '%f\n' | sort | tail -n 1)
  last=${last#r} last=${last%%_*}
  cat >"$store/migrations/versions/r${schema}_next.py" <<END
"""Makes a table that only the next version has."""

from alembic import op

revision = "$schema"
down_revision = "$last"


def upgrade() -> None:
    op.execute("CREATE TABLE of_the_next_version (id INTEGER PRIMARY KEY)")
END
  sed -i "s/^HEAD = REVISIONS\[-1\]\$/REVISIONS = (*REVISIONS, \"$schema\")\n&/" "$store/schema.py"
  grep -q "\"$schema\"" "$store/schema.py"
}

for deb in "$1"/*.deb; do
  root=$place/$(basename "$deb" .deb)
  dpkg-deb -R "$deb" "$root"
  old=$(sed -n 's/^Version: //p' "$root/DEBIAN/control")
  new=$old+next1
  sed -i "s/^Version: .*/Version: $new/; s/splynx-stripe (>= $old), splynx-stripe (<< $old\.1~)/splynx-stripe (>= $new), splynx-stripe (<< $new.1~)/" "$root/DEBIAN/control"
  program=$root/usr/lib/splynx-stripe/splynx_stripe
  if [ -e "$program/__init__.py" ]; then
    sed -i "s/^__version__ = .*/__version__ = \"${new#*:}\"/" "$program/__init__.py"
    change_the_database "$program"
  fi
  settings=$root/etc/splynx-stripe/config.yaml
  [ ! -e "$settings" ] || echo "# A line of the next version." >>"$settings"
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  # A file's name has no epoch.
  name=$(basename "$deb")
  dpkg-deb --root-owner-group -Zgzip -z1 -b "$root" "$2/${name/_${old#*:}_/_${new#*:}_}" >/dev/null
done

#!/bin/bash
# Unpacks the locked libraries into one folder, without what the daemon never uses.
# usage: libraries.sh WHEELS TARGET. Run from the top folder of the source.
set -euo pipefail
wheels=$(realpath "$1")
target=$2
python=/usr/bin/python3.11
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1

# systemd-python from source, with Debian's flags; a fixed folder keeps paths out of the result.
native=debian/.native
rm -rf "$native" "$target"
mkdir -p "$native/source" "$native/wheel" "$target"
tar -C "$native/source" --strip-components=1 -xf "$wheels"/systemd-python-*.tar.gz
CFLAGS=$(dpkg-buildflags --get CFLAGS) CPPFLAGS=$(dpkg-buildflags --get CPPFLAGS)
LDFLAGS=$(dpkg-buildflags --get LDFLAGS)
export CFLAGS CPPFLAGS LDFLAGS
"$python" -m pip --isolated wheel --quiet --no-deps --no-index --no-build-isolation \
  --wheel-dir "$native/wheel" "$native/source"

"$python" -m pip --isolated install --quiet --no-index --no-deps --no-compile --no-warn-script-location \
  --target "$target" "$wheels"/*.whl "$native"/wheel/*.whl
"$python" packaging/bundled.py "$target" >debian/.bundled-packages.json

cd "$target"
# Paths of the build and lists of files that are not all there any more.
find . \( -name RECORD -o -name direct_url.json -o -name INSTALLER -o -name REQUESTED \) -path '*.dist-info/*' -delete
rm -rf bin
# Tests, typing stubs and sources of compiled modules are of no use to the daemon.
find . -depth -type d \( -name tests -o -name testing \) \
  ! -path './sqlalchemy/*' ! -path './alembic/*' -exec rm -rf {} +
find . \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*_testcapi*' \
  -o -name '.hash' -o -name '*.pxi' \) -type f -delete
rm -rf sqlalchemy/testing alembic/testing
find . -type d -name .hash -exec rm -rf {} + -prune
# Babel knows a thousand locales; pages exist in these languages, others fall back to English.
find babel/locale-data -name '*.dat' -regextype posix-extended \
  ! -regex '.*/(root|(en|cs|sk|de|fr|es|it|pt|pl|nl|ru|uk|ja|sv|da|nb|fi|hu|ro|bg|el|tr|ar|he|id|vi|zh|ko|th|sl|hr|sr|et|lv|lt|af|sq)(_[A-Za-z0-9_]+)?)\.dat' -delete
find . -type d -empty -delete
find . -type f -exec chmod 644 {} +

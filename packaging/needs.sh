#!/bin/bash
# Installs the Debian packages that a task needs, if any is missing.
# usage: needs.sh build|repo|test|checks
set -euo pipefail
case $1 in
  build) wanted=(debhelper dh-python dpkg-dev fakeroot gcc libsystemd-dev pkg-config python3-dev python3-pip
    python3-setuptools python3-wheel scdoc) ;;
  repo) wanted=(reprepro gnupg) ;;
  test) wanted=(mmdebstrap systemd-container openssl) ;;
  checks) wanted=(lintian piuparts) ;;
  *) echo "needs.sh: unknown task $1" >&2; exit 2 ;;
esac
missing=()
for name in "${wanted[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "These Debian packages are missing; install them as root and try again:" >&2
  echo "  apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

#!/bin/bash
# Makes a signed apt repository from the built packages.
# usage: repo.sh [DEBS] [TARGET]    (dist, dist/repo)
# The signing key is made once, in $SPLYNX_STRIPE_GNUPG (.cache/repo/gnupg): keep yours safe.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
debs=$(realpath "${1:-$top/dist}")
target=${2:-$top/dist/repo}
"$top/packaging/needs.sh" repo
export GNUPGHOME=${SPLYNX_STRIPE_GNUPG:-$top/.cache/repo/gnupg}
trap 'gpgconf --kill gpg-agent' EXIT
mkdir -p -m 700 "$GNUPGHOME"
if ! gpg --batch --list-secret-keys packages@splynx-stripe >/dev/null 2>&1; then
  gpg --batch --quiet --passphrase '' --quick-generate-key 'splynx-stripe packages <packages@splynx-stripe>' ed25519 sign never
fi
key=$(gpg --batch --with-colons --list-secret-keys packages@splynx-stripe | awk -F: '$1 == "fpr" {print $10; exit}')

mkdir -p "$target/conf"
cat >"$target/conf/distributions" <<END
Origin: splynx-stripe
Label: splynx-stripe
Codename: bookworm
Architectures: amd64 arm64
Components: main
Description: splynx-stripe for Debian 12
SignWith: $key
END
# The same version, built anew, is another file: it takes the place of the one before.
if [ -e "$target/db" ]; then
  reprepro --silent --basedir "$target" remove bookworm splynx-stripe splynx-stripe-sandbox
fi
reprepro --silent --basedir "$target" includedeb bookworm "$debs"/splynx-stripe*.deb
gpg --batch --export "$key" >"$target/splynx-stripe.gpg"
echo "The repository is in $target. Serve that folder over https; users then type:"
cat <<'END'
  curl -fsSLo /usr/share/keyrings/splynx-stripe.gpg https://YOUR.HOST/splynx-stripe.gpg
  echo "deb [signed-by=/usr/share/keyrings/splynx-stripe.gpg] https://YOUR.HOST bookworm main" > /etc/apt/sources.list.d/splynx-stripe.list
  apt-get update && apt-get install splynx-stripe
END

#!/bin/bash
# Lays program and libraries out as the two packages have them.
# usage: stage.sh LIBRARIES MAIN_ROOT SANDBOX_ROOT. Run from the top folder of the source.
set -euo pipefail
libraries=$1 main=$2 sandbox=$3
home=usr/lib/splynx-stripe
python=/usr/bin/python3.11

mkdir -p "$main/$home" "$sandbox/$home/splynx_stripe"
cp -a "$libraries/." "$main/$home/"
cp -a splynx_stripe "$main/$home/"
find "$main/$home/splynx_stripe" -name __pycache__ -type d -exec rm -rf {} + -prune

# Translations: only what gettext reads at run time.
find "$main/$home/splynx_stripe/web/locale" -name '*.pot' -delete
find "$main/$home/splynx_stripe" -type d -empty -delete

mv "$main/$home/splynx_stripe/sandbox" "$sandbox/$home/splynx_stripe/"
find "$main/$home/splynx_stripe" "$sandbox/$home" -type f -exec chmod 644 {} +
find "$main/$home" "$sandbox/$home" -type d -exec chmod 755 {} +

install -D -m 755 packaging/launcher "$main/usr/bin/splynx-stripe"
install -D -m 755 packaging/sandbox-launcher "$sandbox/usr/bin/splynx-stripe-sandbox"
install -D -m 644 debian/.bundled-packages.json "$main/usr/share/doc/splynx-stripe/bundled-packages.json"

# Completion scripts are made by the program itself, before the sandbox is taken away from it.
for shell in bash zsh; do
  case $shell in
    bash) file="$main/usr/share/bash-completion/completions/splynx-stripe" ;;
    zsh) file="$main/usr/share/zsh/vendor-completions/_splynx-stripe" ;;
  esac
  mkdir -p "$(dirname "$file")"
  _SPLYNX_STRIPE_COMPLETE=${shell}_source PYTHONPATH="$libraries:." \
    "$python" -c 'from splynx_stripe.cli.main import main; main(prog_name="splynx-stripe")' >"$file"
done

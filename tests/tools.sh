#!/usr/bin/env bash
# Installs what the build and the tests need and this machine lacks: a C toolchain (SQLite and ring are compiled), Python
# with virtual environments, OpenSSL's program, CA certificates, and the rustfmt and clippy components.
set -euo pipefail

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v curl >/dev/null || missing+=(curl)
command -v strip >/dev/null || missing+=(binutils)
command -v openssl >/dev/null || missing+=(openssl)
# Debian's python3 comes without what makes a virtual environment.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if ((${#missing[@]})); then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "missing: ${missing[*]}; install them and try again" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

for component in rustfmt clippy; do
  command -v "cargo-${component/rustfmt/fmt}" >/dev/null && continue
  if command -v rustup >/dev/null; then
    rustup component add "$component"
  else
    echo "missing: cargo-$component; install the Rust component $component" >&2
    exit 1
  fi
done

#!/bin/sh
# Copies the generated CRDs (crds/) into the chart that installs them. `make crds` calls it after generating.
# With --check it changes nothing and fails when the two differ.
set -eu
cd "$(dirname "$0")/.."
from=crds
to=charts/rollcall-crds/crds-generated
ls "$from"/*.yaml >/dev/null 2>&1 || {
  echo "$from holds no CRDs: generate them with \`rollcall crds --output $from\`" >&2
  exit 1
}
if [ "${1:-}" = --check ]; then
  exec diff -r "$from" "$to"
fi
mkdir -p "$to"
rm -f "$to"/*.yaml
cp "$from"/*.yaml "$to"/

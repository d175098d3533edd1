#!/usr/bin/env bash
# Brings the product onto a cluster: images, CRDs, the vendor emulators, and a release of the chart.
#
#   . tests/cluster/install.sh      defines the functions below; the caller decides what it wants
#
# Needs the debug binaries (`make build`). KUBECONFIG names the cluster; without it one is started on this machine.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HOST=$(rustc -vV | sed -n 's/^host: //p')
BINARIES=$ROOT/target/$HOST/debug
CLUSTER=$ROOT/tests/cluster/env/cluster
EMULATORS=emulators

say() { printf '\n== %s\n' "$*" >&2; }

# use_cluster takes the cluster that KUBECONFIG names, or starts one here.
use_cluster() {
  if [ -z "${KUBECONFIG:-}" ]; then
    OWN_CLUSTER=1
    "$CLUSTER" up
    eval "$("$CLUSTER" env)"
  else
    OWN_CLUSTER=
  fi
}

# pack_images builds the two images from the binaries that are there and loads them; sets IMAGE and EMULATOR_IMAGE.
# The tag is a digest of the binary: a new build never runs under an old name.
pack_images() {
  local context tag
  context=$(mktemp -d)
  cp "$ROOT"/Dockerfile* "$ROOT"/*.Dockerfile "$context"/ 2>/dev/null || true
  cp /etc/ssl/certs/ca-certificates.crt "$context"/
  strip -o "$context/rollcall" "$BINARIES/rollcall"
  strip -o "$context/rollcall-emulator" "$BINARIES/rollcall-emulator"
  tag=$(sha256sum "$context/rollcall" "$context/rollcall-emulator" | sha256sum | cut -c1-12)
  IMAGE=$(pack "$context" product "rollcall:$tag")
  EMULATOR_IMAGE=$(pack "$context" emulator "rollcall-emulator:$tag")
  rm -rf "$context"
}

# pack CONTEXT product|emulator NAME:TAG prints the image's name for pods.
pack() {
  local folder=$1/$2
  mkdir -p "$folder"
  cp "$1/ca-certificates.crt" "$folder"/
  if [ "$2" = product ]; then
    cp "$1/rollcall" "$folder"/
    cp "$ROOT/packed.Dockerfile" "$folder/Dockerfile"
  else
    cp "$1/rollcall-emulator" "$folder/rollcall-emulator"
    cp "$ROOT/crates/emulators/packed.Dockerfile" "$folder/Dockerfile"
  fi
  "$CLUSTER" image "$folder" "$3"
}

# install_crds installs or upgrades the CRDs.
install_crds() {
  helm upgrade --install rollcall-crds "$ROOT/charts/rollcall-crds" --namespace default --wait >&2
}

# start_emulators PEOPLE [PERSONIO ARGUMENTS…] starts both vendors in their own namespace, afresh.
start_emulators() {
  local people=$1
  shift
  kubectl get namespace "$EMULATORS" >/dev/null 2>&1 || kubectl create namespace "$EMULATORS" >&2
  sed -e "s|IMAGE|$EMULATOR_IMAGE|g" -e "s|PEOPLE|$people|g" "$ROOT/tests/cluster/emulators.yaml" |
    kubectl apply --namespace "$EMULATORS" -f - >&2
  kubectl rollout restart --namespace "$EMULATORS" deployment/personio deployment/travelperk >&2
  kubectl rollout status --namespace "$EMULATORS" deployment/personio --timeout=120s >&2
  kubectl rollout status --namespace "$EMULATORS" deployment/travelperk --timeout=120s >&2
}

# install_release NAME NAMESPACE [HELM ARGUMENTS…] installs the operator for one tenant.
install_release() {
  local release=$1 namespace=$2
  shift 2
  kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace" >&2
  kubectl label --overwrite namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >&2
  [ -z "$OWN_CLUSTER" ] || "$CLUSTER" pv "$namespace-records" 1Gi "$namespace/$release-rollcall-records" >&2
  helm upgrade --install "$release" "$ROOT/charts/rollcall" --namespace "$namespace" \
    --set image.repository="${IMAGE%:*}" --set image.tag="${IMAGE##*:}" --set image.pullPolicy=IfNotPresent \
    --wait --timeout 180s "$@" >&2
}

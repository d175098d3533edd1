#!/usr/bin/env bash
# The product on a real cluster, as a user sees it: two systems and one setting declared as YAML, then three runs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/install.sh"

NAMESPACE=${DEMO_NAMESPACE:-tenant-demo}
PEOPLE=${DEMO_PEOPLE:-200}

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# run_now ASKED CODE asks for a run by annotation, waits for its job and expects its code.
run_now() {
  local job
  show kubectl annotate --overwrite syncset/travel --namespace "$NAMESPACE" "rollcall.dev/run-requested-at=$1"
  for _ in $(seq 100); do
    [ "$(kubectl get syncset travel -n "$NAMESPACE" -o jsonpath='{.status.lastHandledRunRequest}')" = "$1" ] && break
    sleep 0.2
  done
  job=$(kubectl get esj -n "$NAMESPACE" --sort-by=.metadata.creationTimestamp -o name | tail -n 1)
  show kubectl wait --namespace "$NAMESPACE" --for=condition=Succeeded --timeout=300s "$job"
  show kubectl get esj --namespace "$NAMESPACE"
  expect "$(kubectl get "$job" -n "$NAMESPACE" -o jsonpath='{.status.phase}/{.status.code}')" "Complete/$2"
}

expect() {
  if [ "$1" != "$2" ]; then
    echo "expected $2, got $1" >&2
    exit 1
  fi
}

# change_people asks the emulated HR system for changes, through a port-forward.
change_people() {
  local forward
  kubectl port-forward --namespace "$EMULATORS" service/personio 28080:18080 >/dev/null &
  forward=$!
  for _ in $(seq 50); do
    curl -fs http://127.0.0.1:28080/_emulator/state >/dev/null && break
    sleep 0.2
  done
  show curl -fsS -X POST http://127.0.0.1:28080/_emulator/people -H 'content-type: application/json' \
    -d '{"op":"change","count":9,"seed":1}' -o /dev/null
  kill "$forward"
}

use_cluster
say "images"
pack_images
say "two vendors with $PEOPLE synthetic people"
start_emulators "$PEOPLE"
say "the operator for one tenant, by Helm"
install_crds
install_release demo "$NAMESPACE"
show kubectl get pods --namespace "$NAMESPACE"

say "two providers and one setting"
kubectl delete syncset,esj,syncok --all --namespace "$NAMESPACE" --ignore-not-found >&2
show kubectl apply --namespace "$NAMESPACE" -k "$ROOT/config/samples/in-cluster/personio-travelperk"
show kubectl wait --namespace "$NAMESPACE" --for=condition=Ready --timeout=120s iprov/personio iprov/travelperk syncset/travel
show kubectl get iprov,syncset --namespace "$NAMESPACE"

say "first run: everybody is created (201)"
run_now "first-$(date +%s)" 201
say "second run: nothing to do (204)"
run_now "second-$(date +%s)" 204
say "HR changes some people; third run: they are updated (200)"
change_people
run_now "third-$(date +%s)" 200

say "what the setting knows"
show kubectl get syncset travel --namespace "$NAMESPACE" -o wide
say "done. Look around with KUBECONFIG=$KUBECONFIG; remove the cluster with: make cluster-down"

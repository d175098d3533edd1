#!/usr/bin/env bash
# Checks the charts and the files that images are built from. Needs helm alone; where a cluster answers, kubectl asks it
# to validate everything that the charts render, without changing anything.
#
#   tests/cluster/packaging/check.sh
#
# The last line is `N passed, N failed`; the exit code is 1 when one failed.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
CHART=$ROOT/charts/rollcall
CRDS=$ROOT/charts/rollcall-crds
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
passed=0
failed=0

# check SENTENCE COMMAND… counts what the command says; its output is shown only when it fails.
check() {
  local sentence=$1
  shift
  if "$@" >"$WORK/output" 2>&1; then
    passed=$((passed + 1))
    printf 'ok      %s\n' "$sentence"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$sentence"
    sed 's/^/        /' "$WORK/output"
  fi
}

# render FILE RELEASE NAMESPACE [HELM ARGUMENTS…] renders the chart into $WORK/FILE.
render() {
  local file=$1 release=$2 namespace=$3
  shift 3
  helm template "$release" "$CHART" --namespace "$namespace" "$@" >"$WORK/$file"
}

# refused TEXT HELM-ARGUMENTS… succeeds when helm refuses the values and says TEXT.
refused() {
  local text=$1
  shift
  if helm template acme "$CHART" --namespace tenant-a "$@" >"$WORK/refused" 2>&1; then
    echo "accepted: $*"
    return 1
  fi
  grep -F -- "$text" "$WORK/refused" >/dev/null || { cat "$WORK/refused"; return 1; }
}

# objects FILE prints `KIND NAMESPACE NAME` of every object; `-` where there is no namespace.
objects() {
  awk '
    function flush() { if (kind != "") print kind, (namespace == "" ? "-" : namespace), name; kind = namespace = name = "" }
    /^---/ { flush(); metadata = 0; next }
    /^kind: / { kind = $2 }
    /^[a-z]/ { metadata = ($1 == "metadata:") }
    metadata && /^  name: / { name = $2 }
    metadata && /^  namespace: / { namespace = $2 }
    END { flush() }
  ' "$WORK/$1" | sort
}

cluster_objects() { objects "$1" | awk '$2 == "-"'; }

# disjoint FILE FILE: no object of the one is in the other.
disjoint() {
  local shared
  shared=$(comm -12 <(objects "$1") <(objects "$2"))
  [ -z "$shared" ] || { echo "$shared"; return 1; }
}

# named_for_release FILE NAMESPACE RELEASE: every cluster-scoped name holds both.
named_for_release() {
  local wrong
  [ -n "$(cluster_objects "$1")" ] || { echo "no cluster-scoped object at all"; return 1; }
  wrong=$(cluster_objects "$1" | grep -v ":$2:$3:" || true)
  [ -z "$wrong" ] || { echo "$wrong"; return 1; }
}

no_cluster_objects() {
  local found
  found=$(cluster_objects "$1")
  [ -z "$found" ] || { echo "$found"; return 1; }
}

# roles FILE prints each rule of every role on one line, after its role's name: `ROLE RULE`.
roles() {
  awk '
    function flush() { if (rule != "") print name, rule; rule = "" }
    /^---/ { flush(); role = rules = metadata = 0; next }
    /^kind: (Cluster)?Role$/ { role = 1 }
    /^[a-z]/ { flush(); metadata = ($1 == "metadata:"); rules = (role && $1 == "rules:"); next }
    metadata && /^  name: / { name = $2 }
    rules && /^ *#/ { next }
    rules && /^  - / { flush() }
    rules { gsub(/^ +/, ""); rule = rule " " $0 }
    END { flush() }
  ' "$WORK/$1"
}

# nothing_matches FILE PATTERN: no rule of a role matches.
nothing_matches() {
  local found
  [ -n "$(roles "$1")" ] || { echo "no rule at all"; return 1; }
  found=$(roles "$1" | grep -E -- "$2" || true)
  [ -z "$found" ] || { echo "$found"; return 1; }
}

# only_approver_approves FILE: no other role for people may create or change a SyncApproval.
only_approver_approves() {
  local who
  who=$(roles "$1" | grep -v 'syncapprovals/status' | grep 'syncapprovals' | grep -E 'create|patch|update' | awk '{ print $1 }')
  [ "$(wc -w <<<"$who")" = 1 ] && [[ $who == *approver ]] || { echo "who may approve: $who"; return 1; }
}

# counts FILE PATTERN NUMBER: so many lines match.
counts() {
  local found
  found=$(grep -c -E -- "$2" "$WORK/$1")
  [ "$found" = "$3" ] || { echo "$found lines match $2, expected $3"; return 1; }
}

# restricted FILE: every container has what Pod Security `restricted` asks for, and a root that cannot be written.
restricted() {
  local containers rule
  containers=$(grep -c -E '^ +image: ' "$WORK/$1")
  for rule in 'allowPrivilegeEscalation: false' 'readOnlyRootFilesystem: true' 'drop: \[ALL\]'; do
    counts "$1" "$rule" "$containers" || return 1
  done
  # Once for the pod and once for its container.
  counts "$1" 'type: RuntimeDefault' $((2 * containers)) && counts "$1" 'runAsNonRoot: true' $((2 * containers))
}

# key_bytes FILE: the made encryption key has 32 bytes.
key_bytes() {
  local bytes
  bytes=$(sed -n 's/^  key: //p' "$WORK/$1" | base64 -d | base64 -d | wc -c)
  [ "$bytes" = 32 ] || { echo "$bytes bytes"; return 1; }
}

# certificate FILE: the made certificate is valid for the Service's names and signed by the published CA.
certificate() {
  sed -n 's/^  tls.crt: //p' "$WORK/$1" | base64 -d >"$WORK/tls.crt"
  awk '/^  ca.crt: \|/ { on = 1; next } on && /^    / { sub(/^    /, ""); print; next } { on = 0 }' "$WORK/$1" >"$WORK/ca.crt"
  openssl verify -CAfile "$WORK/ca.crt" -verify_hostname "$2" "$WORK/tls.crt" &&
    openssl verify -CAfile "$WORK/ca.crt" -verify_hostname "$2.cluster.local" "$WORK/tls.crt"
}

# crd_count FILE NUMBER: so many CRDs, all kept on uninstall.
crd_count() {
  counts "$1" '^kind: CustomResourceDefinition' "$2" && counts "$1" 'helm.sh/resource-policy: keep' "$2"
}

# documented FILE: every group of values has a comment above it.
documented() {
  local key missing=0
  for key in $(sed -n 's/^\([a-zA-Z]*\):.*/\1/p' "$1"); do
    grep -B1 "^$key:" "$1" | head -n 1 | grep '^#' >/dev/null ||
      grep -A1 "^$key:" "$1" | tail -n 1 | grep '^  #' >/dev/null || { echo "$key has no comment"; missing=1; }
  done
  return "$missing"
}

# unprivileged FILE: every image is empty but for what is copied into it, and runs as nobody.
unprivileged() {
  local stages users
  stages=$(grep -c '^FROM scratch' "$1")
  users=$(grep -c '^USER 65532:65532$' "$1")
  [ "$stages" -gt 0 ] && [ "$stages" = "$users" ] || { echo "$1: $stages images, $users users"; return 1; }
}

answers() { command -v kubectl >/dev/null && kubectl version --request-timeout=5s >/dev/null 2>&1; }

# validated FILE NAMESPACE: the API server accepts every object. Secrets and namespaces are not made.
validated() {
  sed "s/^  namespace: $2\$/  namespace: default/" "$WORK/$1" >"$WORK/validated.yaml"
  kubectl apply --dry-run=server --request-timeout=30s -f "$WORK/validated.yaml"
}

check "both charts pass helm lint" helm lint --strict "$CHART" "$CRDS"
check "the CRD chart holds what is generated" "$ROOT/charts/sync-crds.sh" --check

check "the CRD chart renders" eval 'helm template crds "$CRDS" --namespace default >"$WORK/crds"'
check "it holds four kinds and keeps them on uninstall" crd_count crds "$(find "$ROOT/crds" -name '*.yaml' | wc -l)"
check "its roles carry its release and namespace" eval \
  '! cluster_objects crds | grep ClusterRole | grep -v ":default:crds:"'

check "two tenants render" eval 'render a acme tenant-a && render b acme tenant-b'
check "no object of the one is in the other" disjoint a b
check "a release for a namespace makes no cluster-scoped object" no_cluster_objects a
check "two releases of one namespace share no name" eval 'render c globex tenant-a && disjoint a c'
check "long names that differ only at their end stay apart" eval \
  'render l1 a-release-whose-name-is-fifty-three-characters-long-1 t && render l2 a-release-whose-name-is-fifty-three-characters-long-2 t &&
   disjoint l1 l2'

check "cluster-wide releases render" eval \
  'render wa acme sys-a --set mode=ClusterWide,watchNamespaces={t1} && render wb acme sys-b --set mode=ClusterWide,watchNamespaces={t2}'
check "their cluster-scoped names differ" disjoint wa wb
check "and carry release and namespace" named_for_release wa sys-a acme
check "several namespaces get a Role each" eval \
  'render several acme tenant-a --set "watchNamespaces={tenant-a,tenant-c}" && counts several "^            - --namespace=" 4 &&
   objects several | grep "^Role tenant-c acme-rollcall-operator$"'

for file in a several wa; do
  check "$file: no role has a verb on Secrets" nothing_matches "$file" 'secrets'
  check "$file: no role has a wildcard" nothing_matches "$file" '\*'
  check "$file: no role reads logs of pods or runs commands in them" nothing_matches "$file" 'pods/(log|exec|attach)'
  check "$file: every pod is restricted" restricted "$file"
done
check "the right to approve is in the approver's role alone" only_approver_approves a
check "cluster-wide too" only_approver_approves wa
check "nor does the CRD chart give it to anybody" nothing_matches crds 'syncapprovals.*(create|patch|update)'
check "and it is joined to no other role" eval '! grep -A12 "^kind: ClusterRole" "$WORK/wa" | grep -A6 "approver" | grep aggregate'

check "the encryption key has 32 bytes" key_bytes a
check "it cannot be replaced by accident" counts a '^immutable: true' 1
check "key, certificate and volume survive an uninstall" counts a 'helm.sh/resource-policy: keep' 3
check "the certificate fits the Service and the published CA" certificate a acme-rollcall-records.tenant-a.svc
check "with Secrets of the user's own the chart makes none" eval \
  'render own acme tenant-a --set records.encryptionKey.existingSecret=k,records.tls.existingSecret=t,records.tls.caConfigMap=c &&
   ! objects own | grep "^Secret"'
check "cert-manager issues the certificate on request" eval \
  'render issued acme tenant-a --set records.tls.certManager.enabled=true,records.tls.certManager.issuerRef.name=i,records.tls.caConfigMap=c &&
   objects issued | grep "^Certificate tenant-a acme-rollcall-records-tls$"'
check "without records nothing of them is left" eval \
  'render bare acme tenant-a --set records.enabled=false && ! objects bare | grep records && ! grep -e --records "$WORK/bare"'
check "a ServiceMonitor only on request" eval \
  '! grep ServiceMonitor "$WORK/a" && render monitored acme tenant-a --set metrics.serviceMonitor.enabled=true &&
   objects monitored | grep "^ServiceMonitor tenant-a acme-rollcall$"'
check "a digest decides over a tag" eval \
  'render pinned acme tenant-a --set image.tag=x,image.digest=sha256:$(printf %064d 1) && counts pinned "rollcall@sha256:" 3'

check "an unknown value is refused" refused "'replica' not allowed" --set replica=3
check "an unknown value further down is refused" refused "'sise' not allowed" --set records.storage.sise=2Gi
check "a wrong word is refused" refused "/mode" --set mode=Everywhere
check "a wrong type is refused" refused "/replicas" --set-string replicas=two
check "a foreign certificate without its CA is refused" refused "caBundle or caConfigMap" --set records.tls.existingSecret=t
check "two certificates are refused" refused "exclude each other" \
  --set records.tls.existingSecret=t,records.tls.certManager.enabled=true
check "the CRD chart refuses unknown values" eval '! helm template crds "$CRDS" --set keep=false'

check "every group of values of rollcall has a comment" documented "$CHART/values.yaml"
check "every group of values of rollcall-crds has a comment" documented "$CRDS/values.yaml"
for file in Dockerfile packed.Dockerfile crates/emulators/packed.Dockerfile; do
  check "$file: images run as nobody, without a shell" unprivileged "$ROOT/$file"
done

if answers; then
  check "the API server accepts the CRDs" kubectl apply --dry-run=server --request-timeout=30s -f "$WORK/crds"
  check "the API server accepts a tenant's release" validated a tenant-a
  check "the API server accepts a cluster-wide release" eval \
    'sed "s/^  namespace: t1$/  namespace: default/" "$WORK/wa" >"$WORK/wa-here" && validated wa-here sys-a'
else
  echo "skipped the API server's opinion: no cluster answers" >&2
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]

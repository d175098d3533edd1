#!/usr/bin/env bash
# Level 4: the charts on a real cluster, connector pods really running. Prepares the cluster and starts the test binary,
# which expects KUBECONFIG and the names below. Each test installs a release and vendors of its own.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/install.sh"

use_cluster
say "images"
pack_images
install_crds
export ROLLCALL_TEST_IMAGE=$IMAGE ROLLCALL_TEST_EMULATOR_IMAGE=$EMULATOR_IMAGE ROLLCALL_TEST_OWN_CLUSTER=$OWN_CLUSTER
export ROLLCALL_TEST_AUDIT_LOG=${OWN_CLUSTER:+${ROLLCALL_CLUSTER_DIR:-/var/lib/rollcall-cluster}/audit.log}
say "a release for the admission table"
install_release adm admission
say "tests"
cd "$ROOT"
cargo test --locked --test cluster -- --test-threads=1 "$@"

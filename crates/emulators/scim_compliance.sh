#!/bin/sh
# Checks the SCIM side of the TravelPerk emulator with scim2-tester, an independent judge of
# RFC 7643 and 7644.
#
#   crates/emulators/scim_compliance.sh path/to/rollcall-emulator
#
# Keeps a virtual environment in the user's cache directory. Ends with 1 if any check fails.
#
# Three things that the tester cannot know:
# * Most values are random texts unless the schema lists the allowed ones. SCIM has no type for
#   a date without a time, so the runner tells the tester that dateOfBirth is one.
# * A manager's displayName is read-only, and a server may return it. The tester wants the
#   manager back exactly as it was sent, so the emulator is told to return it on request only;
#   its published schema then says so too.
# * It adds the whole travel extension and then a company again, and expects one company. Adding
#   another one to a list rightly gives two, so the tenant of this check has one company only.
set -eu

binary=${1:?usage: $0 path/to/rollcall-emulator}
[ -x "$binary" ] || { echo "$binary is not a program" >&2; exit 2; }

venv="${XDG_CACHE_HOME:-$HOME/.cache}/rollcall/scim2-tester-0.5.2"
if [ ! -e "$venv/ready" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        scim2-tester==0.5.2 scim2-client==0.13.2 scim2-models==0.12.3 httpx2==2.16.2
    touch "$venv/ready"
fi

work=$(mktemp -d)
pid=
finish() {
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

: >"$work/out"
"$binary" travelperk --listen 127.0.0.1:0 --api-key compliance --no-manager-display-name \
    --company 'Example GmbH' >"$work/out" &
pid=$!
tries=0
until grep -q 'ready at' "$work/out"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$pid" 2>/dev/null; then
        echo "the emulator did not start" >&2
        exit 2
    fi
    sleep 0.1
done
url=$(sed -n 's/.*ready at //p' "$work/out")

"$venv/bin/python" - "$url/api/v2/scim" compliance <<'PYTHON'
import sys
from collections import Counter

import scim2_tester.filling as filling
from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

known_values = filling.get_random_example_value


def with_dates(path):
    return "1990-02-11" if str(path).endswith("dateOfBirth") else known_values(path)


filling.get_random_example_value = with_dates

url, key = sys.argv[1:]
client = Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False)
results = check_server(SyncSCIMClient(client))

counts = Counter(result.status.name for result in results)
for result in results:
    if result.status not in (Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE):
        print(f"{result.status.name} {result.title}: {result.reason}")
print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))

# A run that stopped early has few results and no error at all.
failed = counts["ERROR"] + counts["CRITICAL"] + counts["DEVIATION"]
sys.exit(1 if failed or counts["SUCCESS"] < 60 else 0)
PYTHON

#!/bin/sh
# Runs Rollcall against a SCIM server that nobody here wrote: scim2-server, which keeps users in
# memory and checks what it is sent against RFC 7643 and 7644.
#
#   tests/emulators/scim_foreign.sh path/to/folder
#
# The folder holds `rollcall` and `rollcall-emulator`. People come from the emulator of Personio.
# The target's definition is one of its own, read from a ConfigMap: the stream `people` of
# config/definitions/travelperk.yaml with a bearer token, short pages, and the office in a
# multi-valued attribute. The same tour is made twice, because servers differ:
#
# * patch: as the server comes: PATCH, ETags and long pages,
# * put:   a server without PATCH (so whole resources are replaced) and with short pages.
#
# What was written is judged by the server's request log, its users and their versions, and by
# Personio's own answers; Rollcall's counts have to agree with them.
#
# Keeps a virtual environment in the user's cache directory. Ends with 1 if any check fails.
set -eu

binaries=$(cd "${1:?usage: $0 path/to/folder}" && pwd)
for name in rollcall rollcall-emulator; do
    [ -x "$binaries/$name" ] || { echo "$binaries/$name is not a program" >&2; exit 2; }
done
repository=$(cd "$(dirname "$0")/../.." && pwd)

venv="${XDG_CACHE_HOME:-$HOME/.cache}/rollcall/scim2-server-0.8.3"
if [ ! -e "$venv/ready" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        scim2-server==0.8.3 scim2-models==0.12.3
    touch "$venv/ready"
fi

work=$(mktemp -d)
pids=
finish() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Waits until a program has written a line: wait_for PID FILE TEXT
wait_for() {
    tries=0
    until grep -q "$3" "$2"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 150 ] || ! kill -0 "$1" 2>/dev/null; then
            return 1
        fi
        sleep 0.1
    done
}

# The schemas that the server serves: its own, and the vendor's extension.
"$venv/bin/python" - "$repository/tests/emulators/travelperk/schemas.json" "$work" <<'PYTHON'
import json
import sys
from importlib.resources import files
from pathlib import Path

extension = "urn:ietf:params:scim:schemas:extension:travelperk:2.0:User"
vendors, work = Path(sys.argv[1]), Path(sys.argv[2])
own = files("scim2_server") / "resources"


def of(name):
    return json.loads((own / f"default-{name}.json").read_text())


schemas = [s for s in of("schemas") if s["id"] != extension]
schemas += [s for s in json.loads(vendors.read_text()) if s["id"] == extension]
types = [t for t in of("resource-types") if t["id"] == "User"]
types[0]["schemaExtensions"].append({"schema": extension, "required": False})
config = of("service-provider-config")
write = lambda name, value: (work / f"{name}.json").write_text(json.dumps(value))
write("schemas", schemas)
write("types", types)
write("config-patch", config)
config["patch"]["supported"] = False
config["filter"]["maxResults"] = 7
write("config-put", config)
PYTHON

passed=0
failed=0
token=foreign-$$
for mode in patch put; do
    mkdir "$work/$mode"
    : >"$work/$mode/personio"
    "$binaries/rollcall-emulator" personio --listen 127.0.0.1:0 --people 40 --rate 0 \
        >"$work/$mode/personio" 2>&1 &
    pids="$pids $!"
    wait_for $! "$work/$mode/personio" 'ready at' ||
        { echo "the emulator did not start" >&2; exit 2; }
    source=$(sed -n 's/.*ready at //p' "$work/$mode/personio")

    # The server does not tell which port it was given, so it is given one that was free just now.
    attempts=0
    while :; do
        attempts=$((attempts + 1))
        [ "$attempts" -le 3 ] || { cat "$work/$mode/server" >&2; exit 2; }
        port=$("$venv/bin/python" -c \
            'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        : >"$work/$mode/server"
        "$venv/bin/scim2-server" --hostname 127.0.0.1 --port "$port" --bearer-token "$token" \
            --schema "$work/schemas.json" --resource-type "$work/types.json" \
            --service-provider-config "$work/config-$mode.json" \
            >"$work/$mode/server" 2>"$work/$mode/requests" &
        pids="$pids $!"
        ! wait_for $! "$work/$mode/server" 'Serving SCIM' || break
    done

    ended=0
    "$venv/bin/python" - "$mode" "$binaries/rollcall" "$work/$mode" "$source" \
        "http://127.0.0.1:$port/v2" "$token" "$repository" >"$work/$mode/out" <<'PYTHON' || ended=$?
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

mode, rollcall, work, personio, scim, token, repository = sys.argv[1:]
work, repository = Path(work), Path(repository)
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
TRAVEL = "urn:ietf:params:scim:schemas:extension:travelperk:2.0:User"
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def check(what, found, expected=True):
    if found == expected:
        print(f"ok   {mode}: {what}")
    else:
        print(f"FAIL {mode}: {what}: {found!r} instead of {expected!r}")


def ask(url, bearer=None, data=None):
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    with open_url(urllib.request.Request(url, data, headers), timeout=20) as answer:
        return json.load(answer)


# The manifests.

people = (repository / "config/definitions/travelperk.yaml").read_text()
people = re.search(r"^  people:\n.*?(?=^  \w)", people, re.M | re.S).group()
for pattern, text in [
    (r"      dependsOn: .*\n", ""),
    (r"pageSize: \d+", "pageSize: 15"),
    (r"phone: \{.*", "office: {description: Place of work.}"),
    (r"\Z", "      office: {path: 'addresses[type eq \"work\"].locality'}\n"),
]:
    people, count = re.subn(pattern, text, people)
    assert count == 1, pattern
definition = f"""\
name: foreign
title: A SCIM server from elsewhere
kind: scim2
documentation: [https://pypi.org/project/scim2-server/]
endpoints:
  scim: {{description: SCIM 2.0.}}
credentials:
  token: {{description: Bearer token.}}
authentication: {{kind: staticHeader, value: "Bearer {{credentials.token}}"}}
rateLimits:
  classes: [{{class: default, requests: 500, periodSeconds: 1}}]
errors:
  - {{status: [401, 403], class: Credentials, remedy: put a valid token into the Secret}}
capabilities: [Write, Deactivate, Delete]
leavers: active false.
probe: [{{endpoint: scim, path: /Users, query: {{count: "1"}}}}]
target:
{people}"""
FIELDS = {
    "externalId": "from: id",
    "userName": "from: email",
    "givenName": "expr: coalesce(source.preferredName, source.firstName)",
    "familyName": "from: lastName",
    "title": "from: employment.position",
    "dateOfBirth": "from: dateOfBirth",
    "office": "from: employment.office\n          onNull: Clear",
    "costCenter": "from: employment.costCentre\n          onNull: Clear",
    "company": "from: employment.legalEntity",
    "manager": "from: employment.supervisorId\n          onNull: Clear",
    "preferredLanguage": "value: en\n          apply: OnCreate",
}
head = "apiVersion: rollcall.dev/v1alpha1\nkind: "


def provider(name, which, endpoint):
    return (f"{head}IntegrationProvider\nmetadata: {{name: {name}}}\nspec:\n  {which}\n"
            f"  credentialsRef: {{name: {name}}}\n  endpoints: {{{endpoint}}}\n"
            "  network: {allowPrivateAddresses: true}\n"
            "  rateLimits: [{class: default, requests: 500, periodSeconds: 1}]\n")


def secret(name, data):
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {json.dumps(data)}\n"


def manifests(folder, bearer):
    (work / folder).mkdir()
    indented = "".join(f"    {line}\n" for line in definition.splitlines())
    (work / folder / "all.yaml").write_text("---\n".join([
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: foreign}}\ndata:\n  definition.yaml: |\n{indented}",
        provider("personio", "vendor: personio-v2", f'api: "{personio}"'),
        provider("foreign", "definitionRef: {name: foreign}", f'scim: "{scim}"'),
        secret("personio", {"clientId": "demo-client", "clientSecret": "demo-secret"}),
        secret("foreign", {"token": bearer}),
        f"{head}SyncSetting\nmetadata: {{name: foreign}}\nspec:\n"
        "  sourceRef: {name: personio}\n  targetRef: {name: foreign}\n  publish: Automatic\n"
        "  schedule: '30 5 * * *'\n  timeZone: Europe/Berlin\n  streams:\n    - name: people\n"
        "      scope: source.email != null\n"
        "      match: [{field: externalId}, {field: userName}]\n      leaver:\n"
        "        when: source.status == \"INACTIVE\"\n"
        "        lastDay: source.employment.lastWorkingDay\n      fields:\n"
        + "".join(f"        - to: {name}\n          {rule}\n" for name, rule in FIELDS.items()),
    ]))


# What Personio says, asked without Rollcall.

def listed(path, bearer):
    url, rows = f"{personio}{path}?limit=50", []
    while url:
        page = ask(url, bearer)
        rows += page["_data"]
        url = (page["_meta"]["links"].get("next") or {}).get("href")
    return rows


def names(path, bearer):
    return {row["id"]: row["name"] for row in listed(path, bearer)}


def wanted():
    form = urllib.parse.urlencode({"grant_type": "client_credentials",
                                   "client_id": "demo-client", "client_secret": "demo-secret"})
    bearer = ask(f"{personio}/v2/auth/token", data=form.encode())["access_token"]
    lookups = {kind: names(path, bearer) for kind, path in (
        ("office", "/v2/workplaces"), ("cost", "/v2/cost-centers"), ("entity", "/v2/legal-entities"))}
    found = {}
    for person in listed("/v2/persons", bearer):
        job = ask(f"{personio}/v2/persons/{person['id']}/employments", bearer)["_data"][0]
        birth = [a["value"] for a in person["custom_attributes"] if a["global_id"] == "date_of_birth"]
        costs = sorted(job["cost_centers"], key=lambda cost: -cost["weight"])
        found[person["id"]] = {
            "active": person["status"] == "ACTIVE" and bool(person["email"]),
            "userName": person["email"],
            "givenName": person["preferred_name"] or person["first_name"],
            "familyName": person["last_name"],
            "title": job["position"]["title"],
            "dateOfBirth": birth[0] if birth else None,
            "office": lookups["office"].get((job["office"] or {}).get("id")),
            "costCenter": lookups["cost"].get(costs[0]["id"]) if costs else None,
            "company": lookups["entity"].get((job["legal_entity"] or {}).get("id")),
            "manager": (job["supervisor"] or {}).get("id"),
        }
    return found


# What the server says.

def users():
    page = ask(f"{scim}/Users?startIndex=1&count=1000", token)
    rows = page.get("Resources", [])
    check("the server lists everybody it counts", len(rows), page["totalResults"])
    return {row["id"]: row for row in rows}


def flat(rows):
    """By the identifier in HR, with the manager's identifier in HR."""
    external = {key: row["externalId"] for key, row in rows.items()}
    found = {}
    for row in rows.values():
        enterprise, travel = row.get(ENTERPRISE, {}), row.get(TRAVEL, {})
        manager = enterprise.get("manager", {}).get("value")
        offices = [a.get("locality") for a in row.get("addresses", []) if a.get("type") == "work"]
        found[row["externalId"]] = {
            "active": row["active"],
            "userName": row["userName"],
            "givenName": row["name"]["givenName"],
            "familyName": row["name"]["familyName"],
            "title": row.get("title"),
            "dateOfBirth": travel.get("dateOfBirth"),
            "office": offices[0] if offices else None,
            "costCenter": enterprise.get("costCenter"),
            "company": (travel.get("invoiceProfiles") or [{}])[0].get("value"),
            "manager": external.get(manager, f"unknown {manager}") if manager else None,
        }
    return found


def requests():
    """Method, path and status of everything that the server was asked so far."""
    text = (work / "requests").read_text()
    return re.findall(r'"([A-Z]+) (\S+) HTTP/1\.\d" (\d+)', text)


def run(records, *more, folder="manifests"):
    """Exit code, condition, code, counts and what the server was asked to write."""
    before = len(requests())
    done = subprocess.run([rollcall, "run", "-f", work / folder, "-o", "json", "--records",
                           work / records, *more], capture_output=True, text=True, timeout=120)
    asked = requests()[before:]
    (work / "last.json").write_text(done.stdout)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return done, asked, [request for request in asked if request[0] != "GET"]


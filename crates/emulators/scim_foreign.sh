#!/bin/sh
# Runs Rollcall against a SCIM server that nobody here wrote: scim2-server, which keeps users in
# memory and checks what it is sent against RFC 7643 and 7644.
#
#   crates/emulators/scim_foreign.sh path/to/folder
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
"$venv/bin/python" - "$repository/crates/emulators/src/travelperk/schemas.json" "$work" <<'PYTHON'
import json
import sys
from importlib.resources import files
from pathlib import Path

extension = "urn:ietf:params:scim:schemas:extension:travelperk:2.0:User"
vendors, work = Path(sys.argv[1]), Path(sys.argv[2])
own = files("scim2_server") / "resources"


def of(name):
    return json.loads((own / f"default-{name}.json").read_text())


def write(name, value):
    (work / f"{name}.json").write_text(json.dumps(value))


schemas = [s for s in of("schemas") if s["id"] != extension]
schemas += [s for s in json.loads(vendors.read_text()) if s["id"] == extension]
types = [t for t in of("resource-types") if t["id"] == "User"]
types[0]["schemaExtensions"].append({"schema": extension, "required": False})
config = of("service-provider-config")
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
import time
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
    headers = {"Beta": "true"}  # Personio hides some lists without it.
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    with open_url(urllib.request.Request(url, data, headers), timeout=20) as answer:
        return json.load(answer)


# The manifests.

people = (repository / "config/definitions/travelperk.yaml").read_text()
people = re.search(r"^  people:\n.*?(?=^  \w)", people, re.M | re.S).group()
for pattern, text in [
    (r"      dependsOn: .*\n", ""),
    (r"pageSize: \d+", "pageSize: 15"),
    (r"phone: \{.*", "office: {description: Place of work.}"),
    (r"\Z", "        office: {path: 'addresses[type eq \"work\"].locality'}\n"),
]:
    people, count = re.subn(pattern, text, people)
    assert count == 1, pattern
definition = f"""\
name: foreign
title: A SCIM server from elsewhere
kind: scim2
documentation: [https://scim2-server.readthedocs.io/]
endpoints:
  scim: {{description: SCIM 2.0.}}
credentials:
  token: {{description: Bearer token.}}
authentication: {{kind: staticHeader, value: "Bearer {{credentials.token}}"}}
rateLimits:
  classes: [{{class: default, requests: 500, periodSeconds: 1}}]
errors:
  - {{status: [401, 403], class: Credentials, remedy: put a valid token into the Secret}}
capabilities: [Read, Write, Deactivate, Delete]
leavers: active false.
probe: [{{endpoint: scim, path: /Users, query: {{count: "1"}}}}]
streams:
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
            "userName": (person["email"] or "").lower(),
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
    found = {}
    while True:
        page = ask(f"{scim}/Users?startIndex={len(found) + 1}", token)
        found.update((row["id"], row) for row in page.get("Resources", []))
        if not page.get("Resources") or len(found) >= page["totalResults"]:
            assert len(found) == page["totalResults"]
            return found


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
            "userName": row["userName"].lower(),
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
    """Method, path and status of everything that the server was asked so far.

    The server writes a line after it has answered, so this waits until no more lines come.
    """
    text, still = "", 0
    for _ in range(100):
        seen, text = text, (work / "requests").read_text()
        still = still + 1 if text == seen else 0
        if still == 4:
            break
        time.sleep(0.1)
    return re.findall(r'"([A-Z]+) (\S+) HTTP/1\.\d" (\d+)', text)


def run(what, code, *more, records="records", folder="manifests", exit_code=0):
    """Runs Rollcall; gives its counts, and every request of the run that was no GET."""
    before = len(requests())
    done = subprocess.run([rollcall, "run", "-f", work / folder, "-o", "json", "--records",
                           work / records, *more], capture_output=True, text=True, timeout=120)
    asked = requests()[before:]
    status = json.loads(done.stdout)["status"] if done.stdout.startswith("{") else {}
    check(f"{what}: exit code, phase and code", (done.returncode, status.get("phase"), status.get("code")),
          (exit_code, "Error" if code == 400 else "Complete", code))
    if done.returncode != exit_code:
        print(done.stdout, done.stderr, asked, sep="\n", file=sys.stderr)
    return status, asked, [request for request in asked if request[0] != "GET"]


def counts(what, status, **named):
    found = {key: value for key, value in status.get("counts", {}).items() if value and key not in
             ("read", "considered", "unchanged", "skipped")}
    check(f"{what}: {', '.join(f'{n} {key}' for key, n in named.items()) or 'nothing is done'}", found, named)


def written(what, writes, creates, changes):
    """The server took so many creates, and changes of these users and of nobody else."""
    posts = [request for request in writes if request[0] == "POST"]
    others = [request for request in writes if request[0] != "POST"]
    check(f"{what}: the server took {creates} creates", [r[1:] for r in posts], [("/v2/Users", "201")] * creates)
    # This server answers PATCH without a body.
    verb, code = ("PATCH", "204") if mode == "patch" else ("PUT", "200")
    check(f"{what}: the server took one {verb} for each of {len(changes)} users",
          sorted(others), sorted((verb, f"/v2/Users/{key}", code) for key in changes))


def as_in_personio(what, rows, people):
    """Who works here has an account that says what Personio says; who left has none or a closed one."""
    found = flat(rows)
    active = {key: person for key, person in people.items() if person["active"]}
    check(f"{what}: everybody who works here has an active account, nobody else has",
          sorted(key for key, user in found.items() if user["active"]), sorted(active))
    wrong = {key: (found.get(key), person) for key, person in active.items() if found.get(key) != person}
    check(f"{what}: all accounts say what Personio says, managers by the server's identifiers", wrong, {})


def control(**operation):
    return ask(f"{personio}/_emulator/people", data=json.dumps(operation).encode())["changes"]


def send(method, path, document):
    body = json.dumps({key: value for key, value in document.items() if key != "meta"}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    open_url(urllib.request.Request(scim + path, body, headers, method=method), timeout=20).read()


def edit(row, change):
    """An administrator changes a user on the server."""
    change(row)
    send("PUT", f"/Users/{row['id']}", row)


def by_external(rows):
    return {row["externalId"]: row for row in rows.values()}


# The tour.

manifests("refused", "wrong")
_, asked, _ = run("wrong token", 400, folder="refused", records="refused.db", exit_code=4)
check("wrong token: the server refused it",
      {status for _, path, status in asked if not path.endswith("/ServiceProviderConfig")}, {"401"})
check("wrong token: nobody was created", users(), {})

manifests("manifests", token)
people = wanted()
workers = [key for key, person in people.items() if person["active"]]
check("some people lead and some have left", (len({p["manager"] for p in people.values()}) > 2,
                                              len(workers) < len(people)), (True, True))
# Somebody has an account already, made by hand: no externalId, and the login in capitals.
by_hand = next(key for key in workers if people[key]["manager"])  # Leads others.
send("POST", "/Users", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "active": True,
                        "userName": people[by_hand]["userName"].upper(),
                        "name": {"givenName": "By", "familyName": "Hand"}})
adopted = list(users())
status, _, writes = run("first run", 201)
counts("first run", status, created=len(workers) - 1, updated=1)
first = users()
# That account is linked after the others were created, so its reports get their manager later.
reports = [key for key in workers if people[key]["manager"] == by_hand]
written("first run", writes, len(workers) - 1, adopted + [by_external(first)[key]["id"] for key in reports])
check("first run: the account made by hand is the person's", first[adopted[0]].get("externalId"), by_hand)
check("first run: the server counts as many users", len(first), len(workers))
as_in_personio("first run", first, people)

status, asked, writes = run("second run", 204)
counts("second run", status)
check("second run: only GET was asked", writes, [])
check("second run: the list came in several pages", len({r[1] for r in asked if "startIndex" in r[1]}) > 2)
check("second run: all users and their versions are as before", users() == first)

# Somebody adds to users what Rollcall does not look after.
changes = control(op="change", count=5, seed=1)
changed = [str(change["id"]) for change in changes]
for key in changed:
    def adorn(row):
        row["nickName"] = "Nick"
        row["emails"] = [{"value": "private@example.test", "type": "home"}]
        row["addresses"].append({"type": "home", "locality": "Home"})
        row[TRAVEL]["travelPolicy"] = "Board"
    edit(by_external(first)[key], adorn)
leads = {person["manager"] for person in people.values()}
left = [key for key in workers if key not in changed and key not in leads][:2]
control(op="leave", ids=[int(key) for key in left])
joined = [str(change["id"]) for change in control(op="join", count=3)]
before, people = people, wanted()
differs = [key for key in changed if people[key] != before[key]]
check("most changes concern mapped fields", len(differs) >= 3)
ids = {key: row["id"] for key, row in by_external(first).items()}
status, _, writes = run("after the changes", 201)
counts("after the changes", status, created=3, updated=len(differs), disabled=2)
written("after the changes", writes, 3, [ids[key] for key in differs + left])
third = users()
as_in_personio("after the changes", third, people)
now = by_external(third)
check("leavers are still there, with active false", [now[key]["active"] for key in left], [False, False])
check("who joined is there", [now[key]["userName"].lower() for key in joined], [people[key]["userName"] for key in joined])
check("what others wrote is still there",
      [(row["nickName"], row["emails"][0]["value"], row["addresses"][-1]["locality"], row[TRAVEL]["travelPolicy"])
       for row in (now[key] for key in changed)], [("Nick", "private@example.test", "Home", "Board")] * 5)
check("nobody else was touched", [key for key, row in third.items() if key in first
      and row["externalId"] not in changed + left and row["meta"] != first[key]["meta"]], [])

status, _, writes = run("run after that", 204)
counts("run after that", status)
check("run after that: only GET was asked", writes, [])
check("run after that: all users and their versions are as before", users() == third)

# Somebody changes on the server what Rollcall looks after.
head_of_all = next(key for key, person in people.items() if person["active"] and not person["manager"])
moved, closed = [key for key in workers if key not in changed + left + [head_of_all]][:2]
edit(now[head_of_all], lambda row: row[ENTERPRISE].update(manager={"value": ids[moved]}))
edit(now[moved], lambda row: row.pop("addresses"))
edit(now[closed], lambda row: row.update(title="Intern"))
status, _, writes = run("after edits on the server", 200)
counts("after edits on the server", status, updated=3)
written("after edits on the server", writes, 0, [ids[key] for key in (head_of_all, moved, closed)])
last = users()
as_in_personio("after edits on the server", last, people)

# Rollcall lost its records: it finds everybody again.
status, asked, writes = run("one person without records", 204, "--key", closed, records="one.db")
check("one person without records: nothing is written", writes, [])
check("one person without records: looked up by filters", {p.split("=")[0] for _, p, _ in asked if "Users" in p},
      {"/v2/Users?filter"})
status, _, writes = run("everybody without records", 204, records="new.db")
counts("everybody without records", status)
check("everybody without records: nothing is written", writes, [])
check("the server refused nothing but the wrong token", {r[2] for r in requests()} - {"200", "201", "204", "401"}, set())
PYTHON
    cat "$work/$mode/out"
    passed=$((passed + $(grep -c '^ok ' "$work/$mode/out" || true)))
    failed=$((failed + $(grep -c '^FAIL ' "$work/$mode/out" || true)))
    if [ "$ended" -ne 0 ]; then
        echo "FAIL $mode: the tour ended early"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

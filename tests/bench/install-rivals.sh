#!/usr/bin/env bash
# Installs the gateways that `scripts/bench --rivals` compares LIP with into a folder, from the package registries and in the
# versions that were measured. Needs python3 with venv, node and npm. What cannot be installed is named; the rest is.
#
#   tests/bench/install-rivals.sh FOLDER
#   scripts/bench --rivals --rivals-dir FOLDER
#
# traceloop hub is in no registry: put its program to FOLDER/hub/hub to have it compared.
set -uo pipefail
test $# = 1 || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1" && cd "$1" || exit 2
missing=0

python_package() { # NAME REQUIREMENT
    python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check "$2" && return
    echo "could not be installed: $2" >&2
    rm -rf "$1"
    missing=1
}

python_package tensorzero 'tensorzero==2026.6.0'
python_package litellm 'litellm[proxy]==1.106.2'

# With newer versions of hono its streams fail: "TypeError: immutable".
mkdir -p portkey
cat >portkey/package.json <<'EOF'
{"private": true, "dependencies": {"@portkey-ai/gateway": "1.15.2", "@hono/node-server": "1.13.8", "hono": "4.6.20"}, "overrides": {"@hono/node-server": "1.13.8", "hono": "4.6.20"}}
EOF
(cd portkey && npm install --silent --no-audit --no-fund) || { echo "could not be installed: @portkey-ai/gateway" >&2; rm -rf portkey; missing=1; }

exit "$missing"

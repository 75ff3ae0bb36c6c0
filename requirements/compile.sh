#!/bin/sh
# Locks every dependency with hashes and without a registry's address. Run after changing
# pyproject.toml: `sh requirements/compile.sh` (needs `uv` on the PATH). Add --upgrade for newest.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1
    shift
    uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --quiet --output-file "requirements/$out" "$@"
}
lock test.txt pyproject.toml --extra agent-model --extra postgresql --extra external --extra oidc --group build --group demo-host --group test
lock demo.txt pyproject.toml --extra agent-model --extra service --group build --group demo-host --constraints requirements/test.txt
lock agent.txt pyproject.toml --extra agent --group build --constraints requirements/test.txt
lock demo-model.txt --group demo-model --no-deps
lock peers.txt --group peers --constraints requirements/test.txt

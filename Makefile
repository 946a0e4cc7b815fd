# The two commands of the README: `make demo` and `make test`. The rest is for developers.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help demo test lint lint-types lint-style lint-docs docs man screenshot pictures variants messages test-engines test-pythons newest torture bench fuzz tools server release lock clean

help:
	@echo "make demo    install into .venv, index seeds/, search it"
	@echo "make test    install what tests need, then lint, types and all tests"
	@echo "make lint    style, types and wording only"
	@echo "make docs    the documentation site, man pages and picture, into docs/ and build/site/"
	@echo "make test-engines  the tests of tantivy and OpenSearch, three servers too; skips none"
	@echo "make newest  wheels for all systems, and the fast tests with the newest of everything"
	@echo "make test-pythons  the wheel, the fast tests and types on each Python that is found"
	@echo "make torture hours of kills, faults, damage and load; writes the figures of docs/TRUST.md"
	@echo "make bench   measure beside what people would use instead (BENCH=--quick)"
	@echo "make fuzz    look for inputs that break a promise (FUZZ='all --seconds 600')"
	@echo "make release the sdist, the wheel and a report of what was checked, into dist/"
	@echo "make lock    pin the development requirements again"
	@echo "make clean   remove .venv and everything that was built"

# Stamp files: what is installed stays until the files that require it change.
.venv/newsgrep: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/development: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@ .venv/newsgrep

demo: .venv/newsgrep
	$(BIN)/newsgrep index seeds/
	$(BIN)/newsgrep search "联合声明"

lint: lint-types lint-style lint-docs

lint-style: .venv/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell newsgrep tests bench fuzz docs *.md Makefile

lint-types: .venv/development
	$(BIN)/mypy

lint-docs: .venv/development
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# What is generated from the code: a test fails if the man pages are not those of the help texts.
man: .venv/development
	$(BIN)/python docs/build_man.py
	$(BIN)/python docs/build_openapi.py

screenshot: .venv/development
	$(BIN)/python docs/build_screenshot.py

# The pictures of docs/WEB.md, with chromium.
pictures: .venv/development
	NEWSGREP_PICTURES=1 $(BIN)/pytest -q tests/web/test_browser.py

# The regional spellings of --variants: a test fails if the table is not what the script writes.
variants: .venv/development
	$(BIN)/python docs/build_variants.py

# The catalogues of Chinese messages: adds texts that are new in the code, to be translated.
messages: .venv/development
	$(BIN)/python docs/build_messages.py

docs: man screenshot
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# Packages of Debian are fetched while those of Python are installed, and types are checked while
# the site is built.
test:
	$(MAKE) --jobs 3 --output-sync=target server lint
	$(BIN)/pytest --numprocesses auto --dist loadfile

# With Java 17 and Maven: what is absent fails here, where `make test` skips it by name.
test-engines: tools server .venv/development
	NEWSGREP_TEST_ENGINES=all $(BIN)/pytest --numprocesses auto --dist loadfile -m engines

# On each Python of noxfile.py that is found; results are in build/pythons.json. For example
# NOX="-s smoke -p 3.14" checks only the wheel, only there.
test-pythons: .venv/development
	$(BIN)/nox $(NOX)

# The newest packages, also above the upper bounds of pyproject.toml: what passes can be admitted.
# Before, it looks for packages without wheels. PyPI is used, so it is not part of `make test`.
newest: .venv/development
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m release.wheels
	$(BIN)/nox -s newest

# The tests marked `torture`, with many more trials, for hours; writes the figures of docs/TRUST.md.
# TORTURE="-k power" runs a part of them, whose figures replace the earlier ones, and SHARE=0.1 a
# tenth of the trials.
SHARE ?= 1
torture: .venv/development
	NEWSGREP_TORTURE=$(SHARE) $(BIN)/pytest -m torture $(TORTURE); status=$$?; \
		$(BIN)/python docs/build_trust.py && exit $$status

# Tests pipe JSON output into jq, look at pages with chromium, and run an OpenSearch server with
# Java; without these, they are skipped with a message.
tools:
	@tests/support/install.sh

# The server that OpenSearch is tested on, once, into the user's cache folder (51 MB).
server: tools .venv/development
	@$(BIN)/python -m tests.support.cluster fetch || echo "the tests of opensearch will be skipped, or fail"

# `make bench BENCH=--quick` takes minutes, all of it hours; see bench/README.md.
bench: .venv/development
	bench/install.sh $(CURDIR)/$(BIN)/python
	$(BIN)/python -m bench.run $(BENCH)

# Ten minutes over all targets and the regular expressions; see docs/TRUST.md.
FUZZ ?= all --seconds 600
fuzz: .venv/development
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-fuzz.txt
	$(BIN)/python -m fuzz.run patterns
	$(BIN)/python -m fuzz.run $(FUZZ)

# What docs/RELEASE.md describes, of a clean commit. RELEASE=--no-pythons skips `make test-pythons`.
build/release/installed: requirements-release.txt
	$(PYTHON) -m venv build/release
	build/release/bin/pip install --quiet --require-hashes --requirement requirements-release.txt
	@touch $@

release: build/release/installed
	build/release/bin/python -m release.build $(RELEASE)

lock: .venv/development
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --all-extras pyproject.toml requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --constraint requirements-dev.txt \
		requirements-bench.in -o requirements-bench.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --constraint requirements-dev.txt \
		$(addprefix --extra ,fast feeds mcp pdf warc watch web) pyproject.toml -o requirements-run.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --allow-unsafe --constraint requirements-dev.txt \
		requirements-release.in -o requirements-release.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header requirements-fuzz.in -o requirements-fuzz.txt

clean:
	rm -rf .venv .nox .fuzz build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

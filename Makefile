# make help names every command.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
TEST_PROCESSES ?= 2
export PORT
# Without compiled modules each of the hundreds of processes that tests start compiles all anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-fast check bench messages lock clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/.run ## set everything up and show one door at work
	@exec $(BIN)/python manage.py demo

test: $(VENV)/.dev ## the whole suite, on real PostgreSQL and Redis
	$(BIN)/python -m face_engine install
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile
	MENJIN_TEST_SQLITE=1 $(BIN)/python -m pytest -q -m sqlite -n $(TEST_PROCESSES) --dist loadfile

# What tells most of what is broken, in a fraction of the time.
test-fast: $(VENV)/.dev ## without slow tests, browsers and processes
	$(BIN)/python -m face_engine install
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile -m "not slow and not browser"

check: $(VENV)/.dev ## style, types, imports, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

messages: $(VENV)/.dev ## compile the Chinese catalogue
	$(BIN)/python -c 'import polib; c = "platform/menjin/locale/zh_Hans/LC_MESSAGES/django"; polib.pofile(c + ".po").save_as_mofile(c + ".mo")'

bench: $(VENV)/.dev ## the benchmarks of recognition and heartbeats
	$(BIN)/python benchmarks/bench_descriptor.py
	$(BIN)/python benchmarks/bench_photo_to_identity.py
	$(BIN)/python benchmarks/bench_heartbeat.py

# Installed from the lock, every file by its hash; the project itself is linked into it.
$(VENV)/.run: requirements/run.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Menjin needs Python 3.11 or newer")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

# Needs uv; names no index, so whoever installs decides where from.
lock: ## pin the dependencies with their hashes
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --extra server --extra edge --extra build -o requirements/run.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --all-extras -c requirements/run.lock -o requirements/dev.lock

clean: ## remove the environment and caches
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis

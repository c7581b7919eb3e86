# Every verb sets itself up: a bare machine needs make, Python 3.11 or newer and its venv module.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
TOUR := notebooks/01_tour.ipynb
NOTEBOOKS ?= notebooks
NBVAL = sanitizers=$$($(BIN)/graphnb nbval-config --path) && \
	$(BIN)/pytest --nbval --nbval-current-env --nbval-sanitize-with "$$sanitizers"

# Node.js comes with .venv, of the version that is pinned there.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix widget --no-fund --no-audit
WIDGET := widget/node_modules/.installed

# Jupyter asks root to say so.
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help demo lab test test-ray test-notebooks-ray test-ray-versions tools check widget bench lock clean

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## execute the tour notebook, print what its cells answer, keep it in build/
	@$(BIN)/python scripts/demo.py $(TOUR) build/01_tour.ipynb

lab: $(READY) ## open JupyterLab on the tour, on this machine only
	$(BIN)/jupyter lab --ip=127.0.0.1 $(ROOT_FLAG) $(TOUR)

test: $(READY) $(WIDGET) tools ## run every test, then every notebook cell by cell; report coverage
	$(NPM) test
	$(BIN)/pytest --cov -m 'not ray and not cluster'
	$(BIN)/pytest -m ray tests/contract $(ON_RAY_EACH_TIME:%=tests/rayserve/test_%.py)
	$(BIN)/pytest -m cluster
	$(NBVAL) notebooks
	$(MAKE) test-notebooks-ray \
		NOTEBOOKS="notebooks/10_pipeline.ipynb notebooks/13_dynamic_selection.ipynb"

# Of what only Ray has, beside the part of the contract that tests/conftest.py names.
ON_RAY_EACH_TIME := cluster foreign found_graphs interrupted logs private resources

test-ray: $(READY) ## run every test of what graphs do on Ray as well; takes an hour on two cores
	GRAPHNB_TEST_RAY=1 $(BIN)/pytest -m "ray or cluster"

# Each answer and each picture must be the one that was saved in the notebook's own process.
test-notebooks-ray: export GRAPHNB_ON := ray
test-notebooks-ray: $(READY) ## run every notebook on Ray, or NOTEBOOKS="..."; ten minutes on two cores
	$(NBVAL) $(NOTEBOOKS)

# What depends on the version of Ray, run with the oldest and the newest that graphnb is checked
# with, each in an environment of its own: what is private in Ray, its command line, and the core.
RAY_VERSIONS := 2.54 2.60
# Ray's own ranges let in releases of these that came later, and that it does not run with.
RAY_2.54_LIMITS := "protobuf<7" "fastapi<0.130"
RAY_TESTS := tests/rayserve/test_private.py tests/rayserve/test_compiling.py \
	tests/rayserve/test_serve_cli.py tests/rayserve/test_context.py tests/rayserve/test_reading.py \
	tests/contract/test_composition.py tests/contract/test_dataflow.py tests/contract/test_updates.py

test-ray-versions: $(RAY_VERSIONS:%=test-ray-%) ## run what depends on Ray with each version of it that is checked

test-ray-%: build/ray-%/.installed
	@echo "With Ray $*:"
	build/ray-$*/bin/python -m pytest -m "not ray" $(RAY_TESTS)
	GRAPHNB_TEST_RAY=1 build/ray-$*/bin/python -m pytest -m ray $(RAY_TESTS)

.PRECIOUS: build/ray-%/.installed

build/ray-%/.installed: pyproject.toml | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/ray-$*
	$(BIN)/uv pip install --quiet --python build/ray-$*/bin/python "ray[serve]==$*.*" \
		$(RAY_$*_LIMITS) --editable ".[images]" \
		hypothesis pytest pytest-timeout python-multipart sybil
	@touch $@

# Pictures are looked at in Debian's Chromium, and laid out by Debian's Graphviz as well; without
# them those tests are skipped, and say so.
tools:
	@{ command -v chromium && command -v dot; } >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium and Graphviz."; \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends \
				chromium fonts-dejavu-core graphviz >/dev/null; \
		else \
			echo "Some tests are skipped: install chromium and graphviz (apt-get install)."; \
		fi; }

check: $(READY) $(WIDGET) ## lint, formatting, types, and which way imports point
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(NPM) run check
	$(NPM) run check:bundle

widget: $(READY) $(WIDGET) ## build the browser's half of the live picture
	$(NPM) run build

bench: $(READY) ## measure, and print the figures
	$(BIN)/python -m tests.benchmarks

# Versions already pinned stay where they can; `make lock LOCK_FLAGS=--upgrade` takes the newest.
lock: $(READY) ## pin what pyproject.toml asks for, in requirements/dev.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal \
		--python-version 3.11 --no-emit-index-url --all-extras --group dev $(LOCK_FLAGS) \
		--output-file requirements/dev.txt pyproject.toml

clean: ## remove all that these verbs made, .venv included
	rm -rf .venv widget/node_modules build dist .coverage htmlcov .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name node_modules -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(WIDGET): widget/package.json widget/package-lock.json | $(READY)
	@echo "Setting up widget/: a minute the first time."
	@cd widget && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-fund --no-audit
	@touch $@

# The pins are complete, so pip resolves nothing; `pip check` proves that they fit together here.
$(READY): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
		"graphnb needs Python 3.11 or newer, and $(PYTHON) is %d.%d.\n" \
		"hint: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@echo "Setting up .venv: a few minutes the first time."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --no-deps --requirement requirements/dev.txt
	@$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	@$(BIN)/pip check
	@touch $@

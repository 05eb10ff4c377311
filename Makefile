# Two commands for most people: `make matrix` and `make test`. Each sets up first what is missing.
# When a recipe fails, make prints the recipe's own status ("Error 4") and itself exits with 2.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
PYTHON_FILES := harness tests benchmarks scripts scenarios/claims
# Everything that Python finds when it is asked: not the paths of whoever calls make.
unexport PYTHONPATH PYTHONHOME

.PHONY: help
help: ## show what there is (this)
	@sed -nE 's/^([a-z]+): .*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: setup
setup: ## install what is missing: programs from apt (as root), .venv from the lock file
	@bash scripts/setup.sh

.PHONY: matrix
matrix: setup ## measure the default matrix and show it (as root); more: make matrix ARGS='-k dash'
	@.venv/bin/aftercancel run $(ARGS)

.PHONY: runners
runners: setup ## install the real runners that package registries have; more: make runners ARGS=buildbot
	@bash scripts/runners.sh $(ARGS)

.PHONY: setup-for-tests
setup-for-tests:
	@bash scripts/setup.sh --for-tests

.PHONY: test
test: setup-for-tests ## run all tests (as root; else those that measure skip); more: make test ARGS='-k judge'
	@.venv/bin/pytest -n auto -rs $(ARGS)

.PHONY: check
check: setup ## formatting, lint and types
	.venv/bin/ruff format --check $(PYTHON_FILES)
	.venv/bin/ruff check $(PYTHON_FILES)
	.venv/bin/mypy $(PYTHON_FILES)

.PHONY: bench
bench: setup ## measure speed and memory of the lab itself (as root)
	@.venv/bin/python benchmarks/run.py $(ARGS)

.PHONY: reports
reports: setup ## measure the reference run and make reports/ of it (as root), or RUN=DIR
	@run='$(RUN)'; if [ -z "$$run" ]; then run=.aftercancel/reference; rm -rf "$$run"; \
	  .venv/bin/aftercancel run --slice default --slice variants --repeat 3 --out "$$run" > /dev/null || [ $$? -eq 2 ]; \
	fi; .venv/bin/python scripts/reports.py "$$run" reports; \
	.venv/bin/python scripts/picture.py reports/measured traps reports/matrix.svg

.PHONY: remedies
remedies: setup ## say in the remedies' heads where they do not hold: measure (as root), or RUN=DIR
	@run='$(RUN)'; if [ -z "$$run" ]; then \
	  out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; run=$$out/run; \
	  .venv/bin/aftercancel run -k 'recipe or wrapper' --out "$$run" > /dev/null || [ $$? -eq 2 ]; \
	fi; .venv/bin/python scripts/remedies.py "$$run"

.PHONY: lock
lock: ## make requirements.lock again from pyproject.toml (needs pip-tools in PATH)
	pip-compile --quiet --upgrade --all-extras --generate-hashes --strip-extras \
	  --no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml

.PHONY: clean
clean: ## remove .venv, caches and builds; measured runs in .aftercancel stay
	rm -rf .venv .venv-old .venv-lock .mypy_cache .ruff_cache .pytest_cache build dist
	find harness tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

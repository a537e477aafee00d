# Two commands: `make demo` shows a whole night, `make test` proves the product. Both install what they need.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
# Bytecode is compiled at install time: without it every Airflow process starts seconds later.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint bench install system lock clean

demo: install ## a sandbox exchange, a real night, the Airflow UI; EXIT=1 ends by itself
	$(BIN)/nachtpost demo $(if $(EXIT),--exit)

test: system install lint ## everything CI asks
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: system install ## the table of docs/performance.md
	$(BIN)/python -m benchmarks

install: .venv/installed

.venv/installed: requirements.lock requirements-bootstrap.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

system: ## the programs that the tests run for real
	sh scripts/system-packages

lock: install ## after a change of pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv var

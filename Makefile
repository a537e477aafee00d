# Two commands: `make demo` shows a whole night, `make test` proves the product. Both install what they need.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export PYTHON
# Bytecode is compiled at install time: without it every Airflow process starts seconds later.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-long lint docs bench install lock clean

demo: install ## a sandbox exchange, a real night, the Airflow UI until Ctrl-C; EXIT=1 ends by itself
	@$(BIN)/nachtpost demo $(if $(EXIT),--exit)

# Two workers a core: a test waits a quarter of its time for gpg, sshd and PostgreSQL.
test: install lint ## everything CI asks
	@sh scripts/system-packages ssh postgres
	$(BIN)/python -m pytest -n $$(( 2 * $$(nproc) )) -m 'not long'

test-long: install ## what takes long, or is left to chance with more seeds: before a release
	@sh scripts/system-packages ssh postgres
	$(BIN)/python -m pytest -n $$(nproc) -m long --timeout 3600

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install ## the documents for partners and uitvoerders, from the schemas
	$(BIN)/python -m docs.generate

bench: install ## the table of docs/performance.md
	@sh scripts/system-packages postgres
	$(BIN)/python -m benchmarks

install: .venv/installed

.venv/installed: requirements.lock requirements-bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@sh scripts/system-packages venv gpg
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv, every package checked against its hash"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

lock: install ## after a change of pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv var

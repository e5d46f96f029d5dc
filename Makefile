# Everything a contributor runs. PYTHON is any Python with `pip install -e ".[dev]"` done.
PYTHON ?= python

.PHONY: check test bench docs demo

check:  ## lint, types, fast tests
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -m "not slow"

test:  ## every test
	$(PYTHON) -m pytest

bench:  ## every benchmark, a JSON line a row
	@for file in benchmarks/*.py; do $(PYTHON) $$file || exit 1; done

docs:  ## the pictures that README and docs show
	$(PYTHON) -m generalist.app.cli demo --out docs/pictures

demo:  ## the shipped model on generated scenes
	$(PYTHON) -m generalist.app.cli demo

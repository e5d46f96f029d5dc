# Everything a contributor runs. PYTHON is any Python with `pip install -e ".[dev]"` done.
PYTHON ?= python
BENCHES = accuracy coordinates expectation export int8 requests savings scenes

.PHONY: check test bench docs demo

check:  ## lint, types, fast tests
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -n auto -m "not slow"

test:  ## every test
	$(PYTHON) -m pytest -n auto

bench:  ## every benchmark that needs no data of one's own, a JSON line a row
	@for name in $(BENCHES); do $(PYTHON) benchmarks/$$name.py || exit 1; done

docs:  ## the pictures that README and docs show
	$(PYTHON) -m generalist.app.cli demo --out docs/pictures

demo:  ## the shipped model on generated scenes
	$(PYTHON) -m generalist.app.cli demo

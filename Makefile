# `make run` and `make test` set everything up by themselves; they need Python 3.11 or later and nothing else.
PYTHON ?= python3
BIN := .venv/bin
# Set TORCH_INDEX=https://download.pytorch.org/whl/cpu on Linux without a GPU: gigabytes smaller.
TORCH_INDEX ?=
SHIPPED := seed-random-split folder-by-patient hemorrhage-by-patient

.PHONY: run test test-all setup check bench screenshots figures clean

run: setup
	$(BIN)/streamlit run dashboard/app.py

test: setup
	$(BIN)/python -m pytest -m "not slow"

test-all: setup
	$(BIN)/python -m pytest

setup: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; set PYTHON=...") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --quiet --index-url $(TORCH_INDEX) $$(grep -E '^(torch|torchvision)==' requirements.txt))
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch .venv/installed

# .pre-commit-config.yaml says what is checked.
check: setup
	$(BIN)/pre-commit run --all-files

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m pytest tests/benchmarks -m "slow or not slow" -s

screenshots: setup
	$(BIN)/python tests/screenshots.py

# Writes the table of figures in README.md and the model cards anew from the experiments' records.
figures: setup
	$(BIN)/python -m core figures --write README.md
	for name in $(SHIPPED); do $(BIN)/python -m core card $$name --write trained_models/$$name/MODEL_CARD.md || exit; done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache

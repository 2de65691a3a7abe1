# `make run` and `make test` set everything up by themselves; they need Python 3.11 or later and nothing else.
PYTHON ?= python3
BIN := .venv/bin
# Compiled modules are kept: without them every process compiles the tests again.
unexport PYTHONDONTWRITEBYTECODE
# How many tests run at once.
JOBS ?= 2
MINUTES ?= 60
# A file's tests share what they build, so they stay in one process.
# One thread each, for several tests run at once.
TESTS = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations 10
# Set TORCH_INDEX=https://download.pytorch.org/whl/cpu on Linux without a GPU: gigabytes smaller.
TORCH_INDEX ?=
# These measure the machine's memory or time; what runs beside them would change the figure.
ALONE := tests/benchmarks tests/dashboard/journeys/test_corpus.py
SEED ?= 0
TRAIN = $(BIN)/python -m core train --dataset build/hospitals.csv --seed $(SEED) --keep-maps --resume
SHIPPED := seed-random-split folder-by-patient hemorrhage-by-patient ischemia-by-study

# The folder of the four public sets, under the names of docs/data.md.
DATA ?= data
SETS := kaggle:brain-stroke-ct phe-sich:phe-sich rsna:rsna-2019 teknofest:teknofest-ischemia

.PHONY: experiments run test test-all test-slow setup check format bench screenshots figures docs clean

run: setup
	$(BIN)/streamlit run dashboard/app.py

test: setup
	$(TESTS) -m "not slow"

test-all: setup
	$(TESTS) $(addprefix --ignore ,$(ALONE))
	$(BIN)/python -m pytest $(ALONE) -s

# Until MINUTES are over, the most telling first; lists those not reached.
test-slow: setup
	$(TESTS) --ignore tests/benchmarks -m slow --stop-at $$(($$(date +%s) + 60 * $(MINUTES)))

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
	$(BIN)/python -m pytest tests/benchmarks -m slow -s

screenshots: setup
	$(BIN)/python tests/screenshots.py

# Writes the generated parts of README.md and docs/, and the model cards, from the experiments' records and the code.
figures: setup
	$(BIN)/python -m core figures --write README.md
	$(BIN)/python -m core figures --write docs/figures.md
	$(BIN)/python -m tests.package_diagram
	for name in $(SHIPPED); do $(BIN)/python -m core card $$name --write trained_models/$$name/MODEL_CARD.md || exit; done

# Writes the API pages of `core` into build/docs; they need no network.
docs: setup
	$(BIN)/python docs/make_api.py build/docs

# Trains networks for both findings on the four public sets. A second call resumes; NAME-SEED are the experiments.
experiments: setup
	mkdir -p build
	test -f build/hospitals.csv || for set in $(SETS); do \
	  $(BIN)/python -m core manifest $${set%%:*} $(DATA)/$${set##*:} --out build/hospitals.csv \
	    $$(test -f build/hospitals.csv && echo --append) || { rm -f build/hospitals*.csv; exit 1; }; done
	test -d trained_models/hemorrhage-$(SEED) || $(TRAIN) --finding hemorrhage --architecture evidence --name hemorrhage-$(SEED)
	test -d trained_models/ischemia-$(SEED) || $(TRAIN) --finding ischemia --architecture outlined --name ischemia-$(SEED)
	rm -rf trained_models/.training/.maps

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache

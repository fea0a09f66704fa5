# make demo    LSTM against GRU of one size on the built-in grammar: table, figure, verdict in under two minutes
# make test    the fast tests (RNNEXP_DATA=FOLDER names the files of the data sets, if not ../shared/data)
# make zoo     every cell against the LSTM of its size, on the grammar and PTB: some ten hours on two cores (DATA=FOLDER)
# make bench   the speed of a training step beside PyTorch's (where torch is installed), in some 20 minutes
# make reproduce  published figures beside ours: runs what is not recorded yet (DATA=FOLDER names the data sets)
PYTHON ?= python3
CONSTRAINTS ?= .ci/constraints.txt
STAMP := .venv/.installed

.PHONY: demo zoo test test-extras test-slow bench reproduce lint venv ui clean

demo: $(STAMP)
	.venv/bin/rnnexp -m experiment=demo,demo_gru seed=1,2,3,4,5
	@.venv/bin/rnnexp report study=demo

# the first one is the measure: the others get its number of parameters
ZOO := lstm,gru,rnn,cifg,nig,nfg,nog,niaf,noaf,peephole,mgu,ugrnn,janet,mut3,rhn,mlstm,mingru,slstm,indrnn
zoo: $(STAMP)
	.venv/bin/rnnexp -m sweep=fair experiment=zoo,zoo_ptb cell=$(ZOO) sweep.trials=6 sweep.best_seeds=3 \
	  $(if $(DATA),data.root=$(DATA))

# the commands that tests start by the hundred keep their bytecode, for a quarter of a second of CPU time each
test test-extras test-slow: export PYTHONDONTWRITEBYTECODE =

test: $(STAMP)
	.venv/bin/python -m pytest -m "not slow" -n auto --dist loadfile

test-extras: $(STAMP)
	.venv/bin/python -m pytest -m "not slow and extras" -n auto --dist loadfile

test-slow: $(STAMP)
	.venv/bin/python -m pytest -m slow

bench: $(STAMP)
	.venv/bin/python -m analysis.speed
	.venv/bin/python -m analysis.speed.growth
	.venv/bin/python -m analysis.speed.overhead

reproduce: $(STAMP)
	.venv/bin/rnnexp reproduce run=true $(if $(DATA),data=$(DATA))

lint: $(STAMP)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

ui: $(STAMP)
	.venv/bin/rnnexp ui

venv: $(STAMP)
	@echo "Installed. Now type: source .venv/bin/activate"

$(STAMP): pyproject.toml $(wildcard $(CONSTRAINTS))
	@echo "Making .venv: 1.3 GB, a minute or more by the network"
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check --constraint $(CONSTRAINTS) --editable ".[dev]"
	@touch $@

clean:
	rm -rf .venv build *.egg-info

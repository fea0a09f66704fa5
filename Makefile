# make demo    LSTM against GRU on the built-in grammar: a table and a figure in under three minutes
# make test    the fast tests
PYTHON ?= python3
STAMP := .venv/.installed

.PHONY: demo test test-slow lint venv ui clean

demo: $(STAMP)
	.venv/bin/rnnexp -m experiment=demo cell=lstm,gru seed=0,1,2 hydra/launcher=joblib
	@.venv/bin/python -m analysis.compare study=demo

test: $(STAMP)
	.venv/bin/python -m pytest -m "not slow"

test-slow: $(STAMP)
	.venv/bin/python -m pytest -m slow

lint: $(STAMP)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

ui: $(STAMP)
	MLFLOW_DISABLE_TELEMETRY=true .venv/bin/mlflow ui --backend-store-uri sqlite:///runs/mlflow.db

venv: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

clean:
	rm -rf .venv build *.egg-info

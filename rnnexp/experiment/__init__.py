"""Turn a config into a run: its keys and their rules, its objects, and the runner."""

"""Do many runs by one command: every combination of settings, a search for good ones, here or elsewhere."""

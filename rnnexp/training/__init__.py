"""Train a model by truncated backpropagation through time, in runs that go on where they were cut off."""

"""Training: truncated backpropagation through time, from a step to a run that goes on where it was cut off."""

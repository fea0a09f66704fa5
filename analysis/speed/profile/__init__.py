"""Profile the time and the memory of a training step, and of a whole run."""

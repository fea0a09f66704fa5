"""Define the language model, with hand-written gradients: cells, the loops over time, layers."""

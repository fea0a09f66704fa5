"""Recurrent language models with hand-written gradients, and the harness that compares them."""

__version__ = "0.1.0"

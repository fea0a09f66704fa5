"""Compare recurrent language models, whose gradients are written by hand."""

__version__ = "0.1.0"

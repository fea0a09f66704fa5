"""Compute on an NVIDIA GPU: kernels, cuBLAS, graphs, and the tracer that turns NumPy code into kernels."""

"""Compute on an NVIDIA GPU: kernels, cuBLAS, graphs, and the source of kernels from what the tracer has read."""

"""Compute on arrays: devices, engines, products, threads, and the buffers that steps reuse."""

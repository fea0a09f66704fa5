"""Compute what gates do: activation functions, their derivatives from their values, and interpolation."""

import numpy as np


def sigmoid(x, out=None):
    """Return 1 / (1 + exp(-x)), as tanh(x / 2) / 2 + 1 / 2, which never overflows and which NumPy vectorises."""
    out = np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    out *= 0.5
    out += 0.5
    return out


def sigmoid_gradient(y, out):
    """Set `out` to y (1 - y), the derivative of the sigmoid where its value is y."""
    np.subtract(1, y, out=out)
    out *= y


def tanh_gradient(y, out):
    """Set `out` to 1 - y^2, the derivative of tanh where its value is y."""
    np.multiply(y, y, out=out)
    np.subtract(1, out, out=out)


def interpolate(gate, a, b, out):
    """Set `out` to gate * a + (1 - gate) * b, as b + gate * (a - b)."""
    np.subtract(a, b, out=out)
    out *= gate
    out += b

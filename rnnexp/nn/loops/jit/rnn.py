"""Run the vanilla network's time loop compiled; see `rnnexp.nn.cells.rnn` for the maths."""

import numpy as np

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.maths import tanh
from rnnexp.compute.jit.products import multiply, multiply_back, scratch


def forward(w, weights, first, last):
    rnn_forward(w.gates, w.states["h"], weights["n"], first, last)


def backward(w, dw, weights, dh_out, dstate, first, last):
    rnn_backward(w.states["h"], dw.gates, dh_out, *dstate, weights["n"], first, last)


@jit
def rnn_forward(a, h, U, first, last):
    """Run all steps of some rows: a (1, T, B, H), h (T + 1, B, H)."""
    part = scratch(last - first, U, a)
    u = np.empty((1, last - first, a.shape[3]), a.dtype)
    for t in range(a.shape[1]):
        multiply(h[t, first:last], U, part, u)
        for b in range(first, last):
            new_state(a[0, t, b], u[0, b - first], h[t + 1, b])


@jit
def new_state(a, u, h):
    """Set h = tanh(a + u), all of them (H,)."""
    for j in range(len(h)):
        h[j] = tanh(a[j] + u[j])


@jit
def rnn_backward(h, da, dh_out, dh, U_T, first, last):
    """Run all steps of some rows in reverse: h (T + 1, B, H), da (1, T, B, H), dh_out (T, B, H), dh (B, H)."""
    part = scratch(last - first, U_T, h)
    for t in range(len(dh_out) - 1, -1, -1):
        for b in range(first, last):
            through_state(dh_out[t, b], dh[b], h[t + 1, b], da[0, t, b])
        multiply_back(da[0, t, first:last], U_T[0], part, dh[first:last])


@jit
def through_state(dh_out, dh, h, da):
    """Set the gradient of the preactivation, and empty dh; all (H,)."""
    one = h.dtype.type(1)
    for j in range(len(h)):
        da[j] = (dh[j] + dh_out[j]) * (one - h[j] * h[j])
        dh[j] = 0

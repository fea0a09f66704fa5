"""Run the time loop of the GRU with the reset gate after the product; see `rnnexp.nn.cells.gru` for the maths."""

import numpy as np

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.maths import add_sigmoid, tanh
from rnnexp.compute.jit.products import multiply, multiply_back, scratch
from rnnexp.nn.loops.jit.gru import interpolate, through_interpolation


def forward(w, weights, first, last):
    gru_forward(w.gates, w.states["h"], weights["rzm"], first, last)


def backward(w, dw, weights, dh_out, dstate, first, last):
    gru_backward(w.gates, w.states["h"], dw.gates, dh_out, *dstate, weights["rzm"], first, last)


@jit
def gru_forward(a, h, U, first, last):
    """Run all steps of some rows: a (4, T, B, H), h (T + 1, B, H)."""
    part = scratch(last - first, U, a)
    u = np.empty((3, last - first, a.shape[3]), a.dtype)
    for t in range(a.shape[1]):
        multiply(h[t, first:last], U, part, u)
        for b in range(first, last):
            n, r, z, m = a[0, t, b], a[1, t, b], a[2, t, b], a[3, t, b]
            add_sigmoid(r, u[0, b - first])
            add_sigmoid(z, u[1, b - first])
            candidate(n, r, m, u[2, b - first])
            interpolate(z, n, h[t, b], h[t + 1, b])


@jit
def candidate(n, r, m, u):
    """Add u to m, then set n = tanh(n + r * m), all of them (H,)."""
    for j in range(len(n)):
        m[j] += u[j]
        n[j] = tanh(n[j] + r[j] * m[j])


@jit
def gru_backward(gates, h, da, dh_out, dh, U_T, first, last):
    """Run all steps of some rows in reverse: gates and da (4, T, B, H), dh_out (T, B, H), dh (B, H)."""
    part = scratch(last - first, U_T, gates)
    for t in range(len(dh_out) - 1, -1, -1):
        for b in range(first, last):
            n, z, da_n, da_z = gates[0, t, b], gates[2, t, b], da[0, t, b], da[2, t, b]
            through_interpolation(dh_out[t, b], dh[b], z, n, h[t, b], da_z, da_n)
            through_candidate(da_n, gates[1, t, b], gates[3, t, b], da[1, t, b], da[3, t, b])
        for gate in range(3):
            multiply_back(da[gate + 1, t, first:last], U_T[gate], part, dh[first:last])


@jit
def through_candidate(da_n, r, m, da_r, da_m):
    """Set the gradients of the preactivations of r and m, given that of n; all (H,)."""
    one = r.dtype.type(1)
    for j in range(len(r)):
        da_r[j] = da_n[j] * m[j] * r[j] * (one - r[j])
        da_m[j] = da_n[j] * r[j]

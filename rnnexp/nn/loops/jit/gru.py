"""Run the time loop of the GRU with the reset gate before the product; see `rnnexp.nn.cells.gru` for the maths."""

import numpy as np

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.maths import add_sigmoid, add_tanh
from rnnexp.compute.jit.products import multiply, multiply_back, scratch


def forward(w, weights, first, last):
    h, reset_h = w.states["h"], w.saved["reset_h"]
    gru_forward(w.gates, h, reset_h, weights["rz"], weights["n"], first, last)


def backward(w, dw, weights, dh_out, dstate, first, last):
    gru_backward(w.gates, w.states["h"], dw.gates, dh_out, *dstate, weights["rz"], weights["n"], first, last)


@jit
def gru_forward(a, h, reset_h, U_rz, U_n, first, last):
    """Run all steps of some rows: a (3, T, B, H), h (T + 1, B, H), reset_h (T, B, H)."""
    part = scratch(last - first, U_n, a)
    u = np.empty((2, last - first, a.shape[3]), a.dtype)
    for t in range(a.shape[1]):
        multiply(h[t, first:last], U_rz, part, u)
        for b in range(first, last):
            r, z = a[0, t, b], a[1, t, b]
            add_sigmoid(r, u[0, b - first])
            add_sigmoid(z, u[1, b - first])
            reset(r, h[t, b], reset_h[t, b])
        multiply(reset_h[t, first:last], U_n, part, u[:1])
        for b in range(first, last):
            z, n = a[1, t, b], a[2, t, b]
            add_tanh(n, u[0, b - first])
            interpolate(z, n, h[t, b], h[t + 1, b])


@jit
def reset(r, h, reset_h):
    """Set reset_h = r * h, all of them (H,)."""
    for j in range(len(h)):
        reset_h[j] = r[j] * h[j]


@jit
def interpolate(z, n, h, h_next):
    """Set h_next = z * h + (1 - z) * n, all of them (H,)."""
    for j in range(len(h)):
        h_next[j] = n[j] + z[j] * (h[j] - n[j])


@jit
def gru_backward(gates, h, da, dh_out, dh, U_rz_T, U_n_T, first, last):
    """Run all steps of some rows in reverse: gates and da (3, T, B, H), dh_out (T, B, H), dh (B, H)."""
    part = scratch(last - first, U_n_T, gates)
    d_reset_h = np.empty((last - first, h.shape[2]), h.dtype)
    for t in range(len(dh_out) - 1, -1, -1):
        for b in range(first, last):
            z, n = gates[1, t, b], gates[2, t, b]
            through_interpolation(dh_out[t, b], dh[b], z, n, h[t, b], da[1, t, b], da[2, t, b])
        d_reset_h[:] = 0
        multiply_back(da[2, t, first:last], U_n_T[0], part, d_reset_h)
        for b in range(first, last):
            through_reset(d_reset_h[b - first], dh[b], gates[0, t, b], h[t, b], da[0, t, b])
        for gate in range(2):
            multiply_back(da[gate, t, first:last], U_rz_T[gate], part, dh[first:last])


@jit
def through_interpolation(dh_out, dh, z, n, h, da_z, da_n):
    """Set the gradients of the preactivations of z and n, and dh to its direct part z * (dh + dh_out); all (H,)."""
    one = z.dtype.type(1)
    for j in range(len(h)):
        d = dh[j] + dh_out[j]
        da_z[j] = d * (h[j] - n[j]) * z[j] * (one - z[j])
        da_n[j] = d * (one - z[j]) * (one - n[j] * n[j])
        dh[j] = d * z[j]


@jit
def through_reset(d_reset_h, dh, r, h, da_r):
    """Set the gradient of the preactivation of r, and add d_reset_h * r to dh; all (H,)."""
    one = r.dtype.type(1)
    for j in range(len(h)):
        da_r[j] = d_reset_h[j] * h[j] * r[j] * (one - r[j])
        dh[j] += d_reset_h[j] * r[j]

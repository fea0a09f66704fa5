"""Run the LSTM's time loop compiled; see `rnnexp.nn.cells.lstm` for the maths."""

import numpy as np

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.maths import add_sigmoid, add_tanh, tanh
from rnnexp.compute.jit.products import multiply, multiply_back, scratch


def forward(w, weights, first, last):
    h, c = w.states["h"], w.states["c"]
    lstm_forward(w.gates, h, c, w.saved["tanh_c"], weights["ifog"], first, last)


def backward(w, dw, weights, dh_out, dstate, first, last):
    c, tanh_c = w.states["c"], w.saved["tanh_c"]
    lstm_backward(w.gates, c, tanh_c, dw.gates, dh_out, *dstate, weights["ifog"], first, last)


@jit
def lstm_forward(a, h, c, tanh_c, U, first, last):
    """Run all steps of some rows: a (4, T, B, H), h and c (T + 1, B, H), tanh_c (T, B, H)."""
    part = scratch(last - first, U, a)
    u = np.empty((4, last - first, a.shape[3]), a.dtype)
    for t in range(a.shape[1]):
        multiply(h[t, first:last], U, part, u)
        for b in range(first, last):
            i, f, o, g = a[0, t, b], a[1, t, b], a[2, t, b], a[3, t, b]
            add_sigmoid(i, u[0, b - first])
            add_sigmoid(f, u[1, b - first])
            add_sigmoid(o, u[2, b - first])
            add_tanh(g, u[3, b - first])
            new_memory(i, f, g, c[t, b], c[t + 1, b])
            output(o, c[t + 1, b], tanh_c[t, b], h[t + 1, b])


@jit
def new_memory(i, f, g, c, c_next):
    """Set c_next = f * c + i * g, all of them (H,)."""
    for j in range(len(c)):
        c_next[j] = f[j] * c[j] + i[j] * g[j]


@jit
def output(o, c, tanh_c, h):
    """Set tanh_c = tanh(c) and h = o * tanh_c, all of them (H,)."""
    for j in range(len(c)):
        tanh_c[j] = tanh(c[j])
        h[j] = o[j] * tanh_c[j]


@jit
def lstm_backward(gates, c, tanh_c, da, dh_out, dh, dc, U_T, first, last):
    """Run all steps of some rows in reverse: gates and da (4, T, B, H), dh_out (T, B, H), dh and dc (B, H)."""
    part = scratch(last - first, U_T, gates)
    for t in range(len(dh_out) - 1, -1, -1):
        for b in range(first, last):
            i, f, o, g = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            through_output(dh_out[t, b], dh[b], dc[b], o, tanh_c[t, b], da[2, t, b])
            through_input(dc[b], i, g, da[0, t, b], da[3, t, b])
            through_memory(dc[b], f, c[t, b], da[1, t, b])
        for gate in range(4):
            multiply_back(da[gate, t, first:last], U_T[gate], part, dh[first:last])


@jit
def through_output(dh_out, dh, dc, o, tanh_c, da_o):
    """Add to dc its part from h, set the gradient of the preactivation of o, and empty dh; all (H,)."""
    one = o.dtype.type(1)
    for j in range(len(o)):
        d = dh[j] + dh_out[j]
        dc[j] += d * o[j] * (one - tanh_c[j] * tanh_c[j])
        da_o[j] = d * tanh_c[j] * o[j] * (one - o[j])
        dh[j] = 0


@jit
def through_input(dc, i, g, da_i, da_g):
    """Set the gradients of the preactivations of i and g; all (H,)."""
    one = i.dtype.type(1)
    for j in range(len(i)):
        da_i[j] = dc[j] * g[j] * i[j] * (one - i[j])
        da_g[j] = dc[j] * i[j] * (one - g[j] * g[j])


@jit
def through_memory(dc, f, c, da_f):
    """Set the gradient of the preactivation of f, and dc to f * dc; all (H,)."""
    one = f.dtype.type(1)
    for j in range(len(f)):
        da_f[j] = dc[j] * c[j] * f[j] * (one - f[j])
        dc[j] *= f[j]

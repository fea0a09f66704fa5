"""Take a step of every cell in PyTorch, written from its paper's equations; autograd does the way back.

A step takes a (B, gates x H), what the inputs give to the preactivations, gates side by side in our cell's order; the
states (B, H) as a tuple; and the weights: those of the recurrent products (H, gates x H), then the biases of gates that
the input does not feed, then vectors (H,). It returns the states after it, of which the first is the output.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def gates(a: Tensor, number: int) -> tuple[Tensor, ...]:
    """Return so many gates, and the preactivation of the candidate that follows them."""
    size = a.shape[1] // (number + 1)
    before, candidate = a.split((number * size, size), 1)
    return *torch.sigmoid(before).chunk(number, 1), candidate


def rnn(a, state, U):
    """Follow Elman 1990."""
    (h,) = state
    return (torch.tanh(torch.addmm(a, h, U)),)


def indrnn(a, state, v):
    """Follow Li et al. 2018, equation 3."""
    (h,) = state
    return (torch.relu(a + v * h),)


def lstm(a, state, U):
    """Follow Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    h, c = state
    i, f, o, g = gates(torch.addmm(a, h, U), 3)
    c = f * c + i * torch.tanh(g)
    return o * torch.tanh(c), c


def nig(a, state, U):
    """Follow Greff et al. 2017: i = 1."""
    h, c = state
    f, o, g = gates(torch.addmm(a, h, U), 2)
    c = f * c + torch.tanh(g)
    return o * torch.tanh(c), c


def nfg(a, state, U):
    """Follow Greff et al. 2017: f = 1."""
    h, c = state
    i, o, g = gates(torch.addmm(a, h, U), 2)
    c = c + i * torch.tanh(g)
    return o * torch.tanh(c), c


def nog(a, state, U):
    """Follow Greff et al. 2017: o = 1."""
    h, c = state
    i, f, g = gates(torch.addmm(a, h, U), 2)
    c = f * c + i * torch.tanh(g)
    return torch.tanh(c), c


def niaf(a, state, U):
    """Follow Greff et al. 2017: a candidate without tanh."""
    h, c = state
    i, f, o, g = gates(torch.addmm(a, h, U), 3)
    c = f * c + i * g
    return o * torch.tanh(c), c


def noaf(a, state, U):
    """Follow Greff et al. 2017: an output without tanh."""
    h, c = state
    i, f, o, g = gates(torch.addmm(a, h, U), 3)
    c = f * c + i * torch.tanh(g)
    return o * c, c


def cifg(a, state, U):
    """Follow Greff et al. 2017: i = 1 - f."""
    h, c = state
    f, o, g = gates(torch.addmm(a, h, U), 2)
    c = torch.lerp(torch.tanh(g), c, f)
    return o * torch.tanh(c), c


def peephole(a, state, U, v_i, v_f, v_o):
    """Follow Gers, Schraudolph & Schmidhuber 2002, section 2."""
    h, c = state
    i, f, o, g = torch.addmm(a, h, U).chunk(4, 1)
    i, f = torch.sigmoid(i + v_i * c), torch.sigmoid(f + v_f * c)
    c = f * c + i * torch.tanh(g)
    return torch.sigmoid(o + v_o * c) * torch.tanh(c), c


def mlstm(a, state, U_k, U, b_k):
    """Follow Krause et al. 2016, equations 17 to 22, with biases for m and k."""
    h, c = state
    a, m = a.split((U.shape[1], h.shape[1]), 1)
    return lstm(a, (m * torch.addmm(b_k, h, U_k), c), U)


def slstm(a, state, U):
    """Follow Beck et al. 2024, equations 8 to 17, with exponential gates i and f."""
    h, c, n, m = state
    i, f, o, g = torch.addmm(a, h, U).chunk(4, 1)
    f = f + m
    m = torch.maximum(f, i)
    i, f = torch.exp(i - m), torch.exp(f - m)
    c, n = f * c + i * torch.tanh(g), f * n + i
    return torch.sigmoid(o) * c / n, c, n, m


def gru(a, state, U_rz, U_n):
    """Follow Cho et al. 2014, equations 5 to 8: the reset gate before the product."""
    (h,) = state
    a_rz, a_n = a.split((U_rz.shape[1], U_n.shape[1]), 1)
    r, z = torch.sigmoid(torch.addmm(a_rz, h, U_rz)).chunk(2, 1)
    n = torch.tanh(torch.addmm(a_n, r * h, U_n))
    return (torch.lerp(n, h, z),)


def gru_reset_after(a, state, U, b_m):
    """Take the equations of `torch.nn.GRU`."""
    (h,) = state
    size = h.shape[1]
    a_n, a_rz = a.split((size, 2 * size), 1)
    h_rz, m = (h @ U).split((2 * size, size), 1)
    r, z = torch.sigmoid(a_rz + h_rz).chunk(2, 1)
    n = torch.tanh(a_n + r * (m + b_m))
    return (torch.lerp(n, h, z),)


def mgu(a, state, U_f, U_n):
    """Follow Zhou et al. 2016, equations 9."""
    (h,) = state
    a_f, a_n = a.chunk(2, 1)
    f = torch.sigmoid(torch.addmm(a_f, h, U_f))
    n = torch.tanh(torch.addmm(a_n, f * h, U_n))
    return (torch.lerp(h, n, f),)


def ugrnn(a, state, U):
    """Follow Collins, Sohl-Dickstein & Sussillo 2017, section 2.1."""
    (h,) = state
    z, n = gates(torch.addmm(a, h, U), 1)
    return (torch.lerp(torch.tanh(n), h, z),)


def janet(a, state, U):
    """Follow van der Westhuizen & Lasenby 2018, section 3, with beta = 1."""
    (h,) = state
    s, n = torch.addmm(a, h, U).chunk(2, 1)
    return (torch.sigmoid(s) * h + (1 - torch.sigmoid(s - 1)) * torch.tanh(n),)


def mut3(a, state, U_r, U_z, U_n):
    """Follow Jozefowicz et al. 2015, section 4.3."""
    (h,) = state
    a_r, a_z, a_n = a.chunk(3, 1)
    r = torch.sigmoid(torch.addmm(a_r, h, U_r))
    z = torch.sigmoid(torch.addmm(a_z, torch.tanh(h), U_z))
    n = torch.tanh(torch.addmm(a_n, r * h, U_n))
    return (torch.lerp(h, n, z),)


def rhn(a, state, *weights):
    """Follow Zilly et al. 2017, equations 6 to 9, with the carry gate 1 - t."""
    (s,) = state
    *Us, b = weights
    for into, U in zip((a, *b.chunk(len(Us) - 1)), Us, strict=True):
        n, t = torch.addmm(into, s, U).chunk(2, 1)
        s = torch.lerp(s, torch.tanh(n), torch.sigmoid(t))
    return (s,)


def mingru(a, state):
    """Follow Feng et al. 2024, section 3.1; its gate is computed before the loop, for all steps at once."""
    (h,) = state
    z, n = a.chunk(2, 1)
    return (torch.lerp(h, n, z),)


def mingru_before(a):
    """Return what the steps of minGRU need of the inputs (T, B, gates x H)."""
    z, n = a.chunk(2, 2)
    return torch.cat((torch.sigmoid(z), n), 2)


STEPS: dict[str, Callable] = {
    "lstm": lstm,
    "gru": gru,
    "gru reset after": gru_reset_after,
    "rnn": rnn,
    "cifg": cifg,
    "indrnn": indrnn,
    "janet": janet,
    "mgu": mgu,
    "mingru": mingru,
    "mlstm": mlstm,
    "mut3": mut3,
    "nfg": nfg,
    "niaf": niaf,
    "nig": nig,
    "noaf": noaf,
    "nog": nog,
    "peephole": peephole,
    "rhn": rhn,
    "slstm": slstm,
    "ugrnn": ugrnn,
}
BEFORE_LOOP: dict[str, Callable] = {"mingru": mingru_before}

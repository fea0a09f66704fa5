"""Compare gradients with central differences along random directions, as HIPS autograd does."""

import numpy as np


def check_gradients(loss, arrays, grads, rng, directions=3, eps=1e-5, tolerance=1e-6):
    """Raise AssertionError naming the first array whose gradient is wrong.

    Along a random unit direction v, (loss(x + eps v) - loss(x - eps v)) / 2 eps must be <grad, v>.

    Parameters
    ----------
    loss : function without arguments; reads `arrays` as they are at the time of the call.
    arrays : name -> float64 array, perturbed in place and put back.
    grads : name -> array of the same shape.
    """
    assert arrays.keys() == grads.keys()
    for name, array in arrays.items():
        assert array.dtype == np.float64
        assert grads[name].shape == array.shape
        kept = array.copy()
        for _ in range(directions):
            v = rng.standard_normal(array.shape)
            v /= np.linalg.norm(v)
            array[...] = kept + eps * v
            above = loss()
            array[...] = kept - eps * v
            below = loss()
            array[...] = kept
            numeric, analytic = (above - below) / (2 * eps), float(np.sum(grads[name] * v))
            error = abs(numeric - analytic) / max(abs(numeric), abs(analytic), 1e-3)
            assert error < tolerance, (
                f"{name}: numeric {numeric:.10g}, analytic {analytic:.10g}, error {error:.1e}"
            )

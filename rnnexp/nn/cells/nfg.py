"""Compute a step of the LSTM without a forget gate."""

from rnnexp.nn.lstm_without import LSTMWithout


class NoForgetGate(LSTMWithout):
    """Compute the LSTM without a forget gate.

        c' = c + i * g            h' = o * tanh(c')

    NFG of Greff et al. 2017, "LSTM: a search space odyssey", section 3.
    """

    gates = "iog"


make = NoForgetGate

"""Compute a step of the LSTM without an output gate."""

from rnnexp.nn.lstm_without import LSTMWithout


class NoOutputGate(LSTMWithout):
    """Compute the LSTM without an output gate.

        c' = f * c + i * g        h' = tanh(c')

    NOG of Greff et al. 2017, "LSTM: a search space odyssey", section 3.
    """

    gates = "ifg"


make = NoOutputGate

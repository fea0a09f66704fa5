"""Compute a step of the LSTM without the tanh of its candidate."""

from rnnexp.nn.lstm_without import LSTMWithout


class NoInputActivation(LSTMWithout):
    """Compute the LSTM without the tanh of its candidate.

        c' = f * c + i * (x W + h U + b)        h' = o * tanh(c')

    NIAF of Greff et al. 2017, "LSTM: a search space odyssey", section 3.
    """

    gates = "ifog"
    squashes_input = False


make = NoInputActivation

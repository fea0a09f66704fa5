"""Compute a step of the LSTM without the tanh of its memory."""

from rnnexp.nn.lstm_without import LSTMWithout


class NoOutputActivation(LSTMWithout):
    """Compute the LSTM without the tanh of its memory.

        c' = f * c + i * g        h' = o * c'

    NOAF of Greff et al. 2017, "LSTM: a search space odyssey", section 3.
    """

    gates = "ifog"
    squashes_output = False


make = NoOutputActivation

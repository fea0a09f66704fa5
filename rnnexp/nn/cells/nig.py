"""Compute a step of the LSTM without an input gate."""

from rnnexp.nn.lstm_without import LSTMWithout


class NoInputGate(LSTMWithout):
    """Compute the LSTM without an input gate.

        c' = f * c + g            h' = o * tanh(c')

    NIG of Greff et al. 2017, "LSTM: a search space odyssey", section 3.
    """

    gates = "fog"


make = NoInputGate

"""Give each cell that has them its compiled time loops: `forward` and `backward` of a module here.

The methods of a cell are what its compiled loops are tested against, and what runs where it has none.
"""

from types import ModuleType

from rnnexp.nn.cells.base import Cell
from rnnexp.nn.cells.gru import GRU, GRUResetAfter
from rnnexp.nn.cells.lstm import LSTM
from rnnexp.nn.cells.rnn import RNN
from rnnexp.nn.loops.jit import gru, gru_reset_after, lstm, rnn

# by the class itself: another class may have the same name and other maths
LOOPS: dict[type[Cell], ModuleType] = {GRU: gru, GRUResetAfter: gru_reset_after, LSTM: lstm, RNN: rnn}

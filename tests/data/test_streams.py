"""Windows of parallel streams: every target once, states where they belong."""

import numpy as np
import pytest

from rnnexp.data.batches import Streams


@pytest.mark.parametrize("tokens", [2, 17, 100, 101, 119])
@pytest.mark.parametrize("batch_size", [1, 3, 10])
@pytest.mark.parametrize("bptt", [1, 4, 1000])
def test_every_target_stands_in_one_window_behind_its_predecessor(tokens, batch_size, bptt):
    text = np.arange(tokens)
    streams = Streams(text, batch_size, bptt)
    parts = [*streams, streams.tail]
    inputs = np.concatenate([part[0].T.ravel() for part in parts])
    targets = np.concatenate([part[1].T.ravel() for part in parts])
    np.testing.assert_array_equal(np.sort(targets), text[1:])
    np.testing.assert_array_equal(inputs, targets - 1)
    assert len(streams.tail[0]) < batch_size
    assert len(list(streams)) == len(streams)
    assert all(1 <= len(window[0]) <= bptt for window in streams)


def test_streams_go_on_from_window_to_window_and_into_the_tail():
    streams = Streams(np.arange(24), 3, 4)  # 23 targets: three runs of 7, two left over
    first, second = streams
    np.testing.assert_array_equal(first[0], [[0, 7, 14], [1, 8, 15], [2, 9, 16], [3, 10, 17]])
    np.testing.assert_array_equal(second[0], [[4, 11, 18], [5, 12, 19], [6, 13, 20]])
    np.testing.assert_array_equal(streams.tail[0], [[21], [22]])

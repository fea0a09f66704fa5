"""The claims that the documents make of GRU and LSTM, and what the runs of this harness say of each."""

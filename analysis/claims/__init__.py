"""Judge the claims that the documents make of GRU and LSTM by what the runs of this harness say of each."""

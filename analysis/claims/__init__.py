"""Judge what is claimed of GRU and LSTM by the runs of this harness."""

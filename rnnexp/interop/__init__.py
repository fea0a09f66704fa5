"""Bring weights and building blocks from elsewhere: the book, PyTorch, Keras, Coursera's course."""

"""How fast a training step is, beside PyTorch's, the book's way of computing it, and its own products.

The one part of analysis that runs the training code, for the training code is what it measures.
"""

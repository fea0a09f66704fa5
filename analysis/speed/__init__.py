"""Measures how fast a training step is, beside PyTorch's, textbook code, and its own matrix products.

The one part of analysis that runs the training code, for the training code is what it measures. It needs no
more than that code does.

tasks        the shapes and cells that are measured, and what every contender is given
contenders/  the same training step by different code
process      a process of its own for each contender
benchmark    trains all of them in turn on the CPU; benchmark_gpu on a GPU; rounds is what both share
profile/     where the time of a step goes
tables figures report    what was measured in words, in figures, in files
arguments    reads the arguments of the commands: __main__, growth, overhead, curve
"""

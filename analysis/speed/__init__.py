"""Measure how fast a training step is, beside PyTorch's, textbook code, and its own matrix products.

This is the one part of analysis that runs the training code, because it measures that code. It needs no library
besides those that the training code needs.

tasks        the shapes and cells that are measured, and what every contender is given
contenders/  the same training step by different code
process      a process of its own for each contender
benchmark    trains all of them in turn on the CPU; benchmark_gpu on a GPU; rounds is what both share
profile/     where the time of a step goes
tables figures report    write what was measured as Markdown, figures and files
arguments    reads the arguments of the commands: __main__, growth, overhead, curve
"""

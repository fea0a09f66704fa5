"""Texts as numbers, and the windows that training and evaluation take of them; `datasets` has the texts."""

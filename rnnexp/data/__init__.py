"""Read texts as numbers, and cut them into the windows of training and evaluation; `datasets` has the texts."""

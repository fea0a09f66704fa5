"""Tables and figures from recorded runs. Nothing here imports the training code."""

"""Say how long and in what portions to train."""

from dataclasses import dataclass


@dataclass
class TrainConfig:
    """How long and in what portions to train.

    batch_size : parallel streams of the training text, or sequences side by side.
    bptt : steps of a window, through which gradients flow.
    shuffle : sequences come in another order each epoch; streams never do.
    max_epochs, max_steps : the end, whichever comes first; max_steps None: no such limit.
    patience : epochs in a row without a better validation loss after which training stops; None: never.
    eval_streams : see `evaluate`.
    sample_every : steps between texts from the model, `sample_num` of them with at most `sample_length`
        tokens each, while it trains; None: only at the end.
    checkpoint_every_s : seconds between checkpoints within an epoch; each epoch ends with one anyway.
    """

    batch_size: int
    bptt: int
    shuffle: bool
    max_epochs: int
    max_steps: int | None
    patience: int | None
    eval_streams: int
    checkpoint_every_s: float
    sample_every: int | None
    sample_num: int
    sample_length: int

"""Declare the options of training: how long and in what portions to train."""

from dataclasses import dataclass
from typing import Annotated

from rnnexp.options import NOT_NEGATIVE, POSITIVE, Option, at_least, one_of

AT_LEAST_1 = at_least(1)


def samples(meaning: str) -> Option:
    """Return the description of an option for the texts that are sampled during training."""
    return Option(meaning, AT_LEAST_1, defines_result=False)


def within_epochs(what: str) -> Option:
    """Return the description of an option for what is measured within epochs, for curves."""
    meaning = f"steps between lines in steps.jsonl: {what}"
    return Option(meaning, AT_LEAST_1, defines_result=False, since_default=None)


@dataclass
class TrainConfig:
    """Hold the options of training, which ends with max_epochs, max_steps, max_seconds or patience."""

    batch_size: Annotated[
        int, Option("parallel streams of the training text, or sequences side by side", AT_LEAST_1)
    ]
    bptt: Annotated[int, Option("steps of a window, through which gradients flow", AT_LEAST_1)]
    shuffle: Annotated[bool, Option("whether sequences come in another order each epoch; streams never do")]
    max_epochs: Annotated[
        int, Option("0: only count parameters and evaluate the untrained model", NOT_NEGATIVE)
    ]
    max_steps: Annotated[int | None, Option("updates, at most; null: no limit", AT_LEAST_1)]
    patience: Annotated[
        int | None,
        Option(
            "epochs in a row without a better validation loss after which training stops; null: never",
            AT_LEAST_1,
        ),
    ]
    eval_streams: Annotated[
        int,
        Option("streams in which the validation split is read: 1 is exact, more are faster", AT_LEAST_1),
    ]
    checkpoint_every_s: Annotated[
        float,
        Option(
            "seconds between checkpoints within an epoch; there is one after each epoch anyway",
            NOT_NEGATIVE,
            defines_result=False,
        ),
    ]
    sample_every: Annotated[
        int | None, samples("steps between texts from the model in samples.txt; null: only at the end")
    ]
    sample_num: Annotated[int, samples("texts at a time")]
    sample_length: Annotated[int, samples("tokens of a text, at most")]
    test: Annotated[
        str,
        Option(
            "when the test split is scored; never: it is not looked at, as in the trials of a search",
            one_of("end", "never"),
            since_default="end",
        ),
    ] = "end"
    keep: Annotated[
        str,
        Option(
            "of the weights, once the run has finished; all: also the checkpoint, from which more epochs go on; "
            "best: those of the best epoch; nothing: none",
            one_of("best", "all", "nothing"),
            defines_result=False,
            since_default="all",
        ),
    ] = "all"
    max_seconds: Annotated[
        float | None,
        Option(
            "CPU seconds of training and validation, of all threads, after which training stops; null: no limit",
            POSITIVE,
            since_default=None,
        ),
    ] = None

    log_every: Annotated[
        int | None,
        within_epochs("training perplexity since the one before; null: of whole epochs only"),
    ] = None
    validate_every: Annotated[
        int | None,
        within_epochs("validation, besides after each epoch, by which alone weights, rate and patience go"),
    ] = None
    warmup_steps: Annotated[
        int,
        Option(
            "updates over which the learning rate rises in proportion to the schedule's; 0: none",
            NOT_NEGATIVE,
            since_default=0,
        ),
    ] = 0
    random_bptt: Annotated[
        bool,
        Option(
            "true: each window of a stream has a length of its own, mostly bptt give or take 5 steps, seldom about "
            "half of that, and a learning rate in proportion",
            since_default=False,
        ),
    ] = False
    average_trigger: Annotated[
        int | None,
        Option(
            "n: average the weights of all updates once the last validation loss is above the best of those "
            "more than n epochs before it; null: not for that reason",
            AT_LEAST_1,
            since_default=None,
        ),
    ] = None
    average_from: Annotated[
        int | None,
        Option("epoch with which averaging begins at the latest; null: none", AT_LEAST_1, since_default=None),
    ] = None

    def warm_up(self, update: int) -> float:
        """Return the factor of the learning rate at an update, the first of which is 1."""
        return min(1.0, update / max(1, self.warmup_steps))

    @property
    def tests(self) -> bool:
        """Return whether the test split is scored."""
        return self.test == "end"

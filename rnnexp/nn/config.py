"""Declare the options of the model around the cells."""

from dataclasses import dataclass
from typing import Annotated

from rnnexp.options import NOT_NEGATIVE, POSITIVE, SHARE_BELOW_1, Option, Range, at_least, one_of

AT_LEAST_1 = at_least(1)
SIZES = Range("sizes of at least 1, as in [400,300]", lambda v: len(v) > 0 and min(v) >= 1)


def new_rate(meaning: str) -> Option:
    """Return the description of a rate of dropout that programs once did without."""
    return Option(meaning, SHARE_BELOW_1, since_default=0.0)


def rate_of_place(place: str) -> Option:
    """Return the description of a rate of dropout for one of the places that model.dropout stands for."""
    return Option(f"{place}; null: model.dropout", SHARE_BELOW_1, since_default=None)


@dataclass
class ModelConfig:
    """Hold the options of the model around the cells."""

    embed_size: Annotated[
        int | None, Option("null: no embedding, a symbol is a vector with a single one", AT_LEAST_1)
    ]
    hidden_size: Annotated[int, Option("numbers of a cell's output", AT_LEAST_1)]
    num_layers: Annotated[int, Option("cells on top of each other", AT_LEAST_1)]
    dropout: Annotated[float, Option("before every cell and before the decoder", SHARE_BELOW_1)]
    recurrent_dropout: Annotated[
        float, Option("of the hidden state, where the recurrent products read it", SHARE_BELOW_1)
    ]
    variational: Annotated[bool, Option("true: one mask of dropout for all steps of a window")]
    tie_weights: Annotated[
        bool, Option("one matrix as embedding and decoder; needs embed_size == hidden_size")
    ]
    clip_through_time: Annotated[
        float | None,
        Option("limit of every number of the gradients that go from step to step; null: none", POSITIVE),
    ]
    init_std: Annotated[
        float | None,
        Option("standard deviation of the first weights, biases apart; null: as each layer says", POSITIVE),
    ]
    match_params: Annotated[
        int | None,
        Option(
            "number of parameters; hidden_size (where tied, embed_size too) is then solved for", AT_LEAST_1
        ),
    ] = None
    recurrent_variational: Annotated[
        bool | None, Option("the same of recurrent_dropout; null: as variational", since_default=None)
    ] = None
    match: Annotated[
        str,
        Option(
            "which parameters match_params counts: all, or those of the recurrent layers",
            one_of("all", "recurrent"),
            since_default="all",
        ),
    ] = "all"
    layer_sizes: Annotated[
        list[int] | None,
        Option(
            "numbers of each cell's output, bottom first, in place of hidden_size and num_layers; where tied, "
            "embed_size is the last; match_params scales them all",
            SIZES,
            since_default=None,
        ),
    ] = None
    input_dropout: Annotated[float | None, rate_of_place("before the first cell")] = None
    between_dropout: Annotated[float | None, rate_of_place("before the other cells")] = None
    output_dropout: Annotated[float | None, rate_of_place("before the decoder")] = None
    embedding_dropout: Annotated[
        float,
        new_rate("of symbols, all their numbers wherever they stand in a window; not in a tied decoder"),
    ] = 0.0
    weight_drop: Annotated[float, new_rate("of the recurrent weights, anew for each window")] = 0.0
    drop_state: Annotated[
        float, new_rate("of rows whose state is not carried into a window, which they begin with zeros")
    ] = 0.0
    activation_penalty: Annotated[
        float,
        Option(
            "this times the mean square of the last cell's outputs, after dropout, is added to the training loss",
            NOT_NEGATIVE,
            since_default=0.0,
        ),
    ] = 0.0
    temporal_penalty: Annotated[
        float,
        Option(
            "the same of the difference between those outputs, before dropout, from step to step",
            NOT_NEGATIVE,
            since_default=0.0,
        ),
    ] = 0.0

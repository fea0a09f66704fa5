"""List the claims, those first that most people ask about."""

from rnnexp.analysis.claims.claim import FILES, Claim, Preset
from rnnexp.analysis.claims.evidence import (
    challenge,
    clipping,
    counting,
    depth,
    distance,
    dropout,
    forget_bias,
    learning_rate,
    little_data,
    parameters,
    reset_gate,
    tying,
    vanishing,
    which_wins,
)

CLAIMS = [
    Claim(
        "parameters",
        "GRU has fewer parameters and trains faster",
        "the notes",
        "Exact counts; CPU seconds of an epoch at one width and at one size, where the advantage should shrink",
        "Cho et al. 2014 and Chung et al. 2014 introduce the GRU as the simpler unit; by construction it has three "
        "quarters of an LSTM's recurrent weights at one width.",
        {"parameters": Preset(20)},
        parameters.judge,
    ),
    Claim(
        "little_data",
        "GRU is better on little data",
        "the notes",
        "The grammar with 5,000 to 200,000 words, and names of dinosaurs; the slope of the difference over the "
        "logarithm of the number of words",
        "Chung et al. 2014 find no winner over data sets; the belief itself is common in courses and posts, which "
        "measure no slope.",
        {"little_data": Preset(40), "little_data_names": Preset(10, FILES)},
        little_data.judge,
    ),
    Claim(
        "distance",
        "LSTM is better on long sequences",
        "the notes on gated networks; of a long corpus, the post",
        "The difference by the distance of agreement and by the depth of brackets, ten seeds; letters recalled over "
        "growing lags, five seeds; Penn Treebank by tenths is not tried",
        "Weiss et al. 2018 separate the two by counting; Jozefowicz et al. 2015 find the GRU ahead on their tasks "
        "except language modelling, and the LSTM as good where its forget gate begins at 1.",
        {"distance": Preset(20), "copying": Preset(30)},
        distance.judge,
    ),
    Claim(
        "clipping",
        "Clipping prevents explosion",
        "the course and the notes",
        "Limits of the gradient's norm and none, at rates that are too high, in three cells; the rate of "
        "divergence by Fisher's exact test",
        "Pascanu et al. 2013 propose it for exploding gradients; Zhang et al. 2020 explain that it lets training "
        "take higher rates.",
        {"clipping": Preset(135)},
        clipping.judge,
    ),
    Claim(
        "vanishing",
        "Gates prevent vanishing gradients",
        "the notes",
        "The norm of dL_T/dh_{T-k} for k up to 200, untrained and trained, in three cells",
        "Hochreiter and Schmidhuber 1997 build the LSTM on a path without loss; Gers et al. 2000 add the forget "
        "gate, by which it loses again.",
        {"vanishing": Preset(30), "vanishing_bias": Preset(20)},
        vanishing.judge,
    ),
    Claim(
        "forget_bias",
        "A forget gate that begins at 1 helps",
        "Jozefowicz et al. 2015",
        "First biases of -1, 0, 1 and 2, in windows of 32 and of 128 words",
        "Jozefowicz et al. 2015 recommend 1 or 2; Gers et al. 2000 already begin with an open gate.",
        {"forget_bias": Preset(40)},
        forget_bias.judge,
    ),
    Claim(
        "learning_rate",
        "GRU wants a lower learning rate",
        "the post",
        "Nine rates, five seeds of each cell; the difference of the places where parabolas are lowest",
        "Greff et al. 2017 find the rate by far the most important setting of LSTMs, and do not compare GRUs.",
        {"learning_rate": Preset(90)},
        learning_rate.judge,
    ),
    Claim(
        "which_wins",
        "Which wins depends on task and settings",
        "the notes",
        "Both cells on the grammar, names and Shakespeare at three rates; changes of sign that differ from chance; "
        "Penn Treebank is not tried",
        "Chung et al. 2014 and Jozefowicz et al. 2015 say so.",
        {"which_wins": Preset(60, "data.root=FOLDER"), "learning_rate": Preset(90)},
        which_wins.judge,
    ),
    Claim(
        "depth",
        "Depth improves",
        "the book",
        "One, two and three layers at equal parameters, on the grammar and Penn Treebank",
        "Zaremba et al. 2014 use two layers; Melis et al. 2018 find little between depths once all are tuned.",
        {"depth": Preset(30)},
        depth.judge,
    ),
    Claim(
        "dropout",
        "Dropout in depth helps, in time hurts, and variational dropout does not hurt",
        "the book",
        "Names of dinosaurs by two layers of LSTM, ten seeds: without, in depth, and in time besides with fresh masks "
        "or one; Penn Treebank is not tried",
        "Zaremba et al. 2014 keep dropout out of the direction of time; Gal and Ghahramani 2016 bring it back with "
        "one mask a sequence.",
        {"dropout": Preset(20, FILES), "dropout_in_time": Preset(20, FILES)},
        dropout.judge,
    ),
    Claim(
        "tying",
        "Tying the embedding and the decoder reduces parameters and improves",
        "the book",
        "Penn Treebank at 1 x 200, on and off, five seeds",
        "Press and Wolf 2017 and Inan et al. 2017 report both.",
        {"tying": Preset(10, FILES)},
        tying.judge,
    ),
    Claim(
        "challenge",
        "Lower loss, fewer iterations, fewer parameters",
        "the hackathon",
        "The challenge, tuned: best loss, updates to a fixed loss, parameters, and which sizes no other beats",
        "None: it is a task, not a finding.",
        {"challenge": Preset(20, FILES)},
        challenge.judge,
    ),
    Claim(
        "counting",
        "LSTM counts beyond what it was trained on, GRU does not",
        "Weiss et al. 2018",
        "A counting corpus trained to n = 30 and tested to 300: the longest n with all right",
        "El-Naggar et al. 2022 disagree.",
        {"counting": Preset(20)},
        counting.judge,
    ),
    Claim(
        "reset_gate",
        "The reset gate before or after the product matters little",
        "common in libraries",
        "A test of equality at 1% of perplexity",
        "Cho et al. 2014 have it before the product; cuDNN, and so Keras and PyTorch, after it.",
        {"reset_gate": Preset(20)},
        reset_gate.judge,
    ),
]

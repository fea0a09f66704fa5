"""The grammar's sentences keep its rules, and its oracle is right: both checked by an independent reading."""

import math
from random import Random

import numpy as np
import pytest

from rnnexp.data.datasets import grammar
from rnnexp.data.vocabulary import END

CLOSING = dict(zip("([{<", ")]}>"))


def harmonic(n):
    return sum(1 / k for k in range(1, n + 1))


def noun_probability(word):
    pairs = [pair for rank in zip(*grammar.NOUNS.values()) for pair in rank]
    rank = [word for pair in pairs for word in pair].index(word) + 1
    return 1 / rank / harmonic(32)


def kind_and_number(noun):
    return next((k, pair.index(noun)) for k, pairs in grammar.NOUNS.items() for pair in pairs if noun in pair)


def verb_probability(verb, forms, kind, number):
    own = [pair[number] for pair in forms[kind]]
    if verb in own:
        return 0.9 / (own.index(verb) + 1) / harmonic(len(own))
    others = [pair[number] for k in forms if k != kind for pair in forms[k]]
    assert verb in others, f"{verb} does not agree with a {kind} in number {number}"
    return 0.1 / len(others)


def read_noun_phrase(words):
    """The noun at the head of `words` (consumed), and its probability."""
    assert words.pop(0) == "the"
    word = words.pop(0)
    if word not in grammar.ADJECTIVES:
        return word, 0.8 * noun_probability(word)
    p = 0.2 / (grammar.ADJECTIVES.index(word) + 1) / harmonic(4)
    noun = words.pop(0)
    return noun, p * noun_probability(noun)


def agreement_probability(words):
    """A pushdown reading of one sentence; asserts agreement on the way."""
    noun, p = read_noun_phrase(words)
    stack = [(kind_and_number(noun), grammar.INTRANSITIVE)]
    while stack:
        (kind, number), forms = stack[-1]
        full = len(stack) == 3
        total = 0.75 if full else 1.0
        word = words.pop(0)
        if word == "near":
            p *= 0.25 / total * read_noun_phrase(words)[1]
        elif word == "that":
            assert not full
            noun, q = read_noun_phrase(words)
            p *= 0.25 * q
            stack.append((kind_and_number(noun), grammar.TRANSITIVE))
        else:
            p *= 0.5 / total * verb_probability(word, forms, kind, number)
            stack.pop()
    return p


def brackets_probability(words):
    stack, p = [CLOSING[words.pop(0)]], 1.0
    while stack:
        word, full = words.pop(0), len(stack) == 10
        if word == "x":
            p *= 0.25 if full else 0.15
        elif word in CLOSING:
            assert not full
            p *= 0.1
            stack.append(CLOSING[word])
        else:
            assert word == stack.pop()
            p *= 0.75 if full else 0.45
    return p


def counting_probability(words):
    ticks = words.index("tock")
    assert words[: 2 * ticks] == ["tick"] * ticks + ["tock"] * ticks
    del words[: 2 * ticks]
    return 1 / 30


def test_each_sentence_keeps_the_rules_and_has_the_probability_that_the_oracle_says():
    writer = grammar.Writer(Random(1))
    kinds = {"the": 0, "tick": 0, "bracket": 0}
    for _ in range(3000):
        writer.words, writer.nats = [], []
        writer.sentence()
        words = list(writer.words)
        kind = words[0] if words[0] in kinds else "bracket"
        kinds[kind] += 1
        read = {"the": agreement_probability, "tick": counting_probability, "bracket": brackets_probability}
        start = {"the": 0.5, "tick": 0.1, "bracket": 0.4 / 4}
        p = start[kind] * read[kind](words)
        assert words == [END]
        assert sum(writer.nats) == pytest.approx(-math.log(p), rel=1e-9)
    assert all(count > 200 for count in kinds.values())


def test_words_come_as_often_as_the_oracle_says():
    """Calibration: words of probability p come in a share p of their draws."""
    writer = grammar.Writer(Random(2))
    choices = []
    draw = writer.draw

    def noting_draw(choice, *place):
        choices.append(choice)
        return draw(choice, *place)

    writer.draw = noting_draw
    for _ in range(5000):
        writer.sentence()
    for choice in (
        grammar.start("all"),
        grammar.noun(may_be_adjective=False),
        grammar.inside_brackets("]", True),
        grammar.after_ticks(3, grammar.MAX_COUNT),
    ):
        words = [word for word, source in zip(writer.words, choices) if source is choice]
        for word, nats in zip(choice.words, choice.nats):
            p, n = math.exp(-nats), len(words)
            assert words.count(word) / n == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n) + 1e-9)


def places_of(words):
    """Kind and size of each place of a sentence, read from its words alone."""
    if words[0] == "tick":
        opened = np.cumsum([{"tick": 1, "tock": -1, END: 0}[word] for word in words])
        return [("other", 0), *(("counting", int(size)) for size in opened[:-1])]
    if words[0] in CLOSING:
        step = {"x": 0, END: 0} | dict.fromkeys(CLOSING, 1) | dict.fromkeys(CLOSING.values(), -1)
        return [("other", 0), *(("bracket", int(n)) for n in np.cumsum([step[word] for word in words])[:-1])]
    verbs = {
        w
        for forms in (grammar.INTRANSITIVE, grammar.TRANSITIVE)
        for k in forms.values()
        for p in k
        for w in p
    }
    found, subjects, near = [], [], False
    for place, word in enumerate(words):
        if word in verbs:
            found.append(("agreement", place - subjects.pop()))
        elif word in ("near", "that"):
            near = word == "near"
            found.append(("agreement", place - subjects[-1]))
        else:
            found.append(("other", 0))
        if word in grammar.SUBJECTS:
            if not near:
                subjects.append(place)
            near = False
    return found


def test_every_word_has_the_place_that_it_was_drawn_for():
    writer = grammar.Writer(Random(3))
    for _ in range(1000):
        writer.words, writer.places = [], []
        writer.sentence()
        assert writer.places == places_of(writer.words)


def test_the_test_split_has_the_truth_of_every_token():
    corpus = grammar.make(train_tokens=100, valid_tokens=100, test_tokens=3_000)
    truth = corpus.test_truth
    assert truth.nats[1:].mean(dtype=float) == pytest.approx(corpus.oracle["test"], abs=1e-6)
    words = [corpus.vocabulary.symbols[token] for token in corpus.splits["test"]]
    whole = len(words) - words[::-1].index(END)
    places, start = [], 0
    for end in np.flatnonzero(np.array(words) == END) + 1:
        places += places_of(words[start:end])
        start = end
    kinds = [truth.kinds[kind] for kind in truth.kind]
    assert list(zip(kinds, truth.size.tolist()))[:whole] == places
    assert len(kinds) == len(words)


def test_the_same_seed_gives_the_same_bytes_everywhere():
    corpus = grammar.make(seed=0, train_tokens=20_000, valid_tokens=2_000, test_tokens=2_000)
    assert corpus.digest() == "01fb789d567e446724f7c85b5ffd5483455e473d9bde045daf5570eb92394105"
    other = grammar.make(seed=1, train_tokens=20_000, valid_tokens=2_000, test_tokens=2_000)
    assert other.digest() != corpus.digest()


def test_splits_have_the_lengths_asked_for_and_an_oracle_each():
    corpus = grammar.make(train_tokens=5_000, valid_tokens=3_000, test_tokens=4_000)
    assert {split: len(tokens) for split, tokens in corpus.splits.items()} == {
        "train": 5_000,
        "valid": 3_000,
        "test": 4_000,
    }
    assert all(2.5 < math.exp(corpus.oracle[split]) < 4 for split in corpus.splits)
    assert not np.array_equal(corpus.splits["train"][:3_000], corpus.splits["valid"])


def words_of(corpus, split):
    """The text of a split."""
    return " ".join(corpus.vocabulary.symbols[token] for token in corpus.splits[split])


@pytest.mark.parametrize(
    ("kinds", "first"), [("agreement", {"the"}), ("bracket", set(grammar.BRACKETS)), ("counting", {"tick"})]
)
def test_a_text_can_have_one_kind_of_sentences(kinds, first):
    corpus = grammar.make(train_tokens=3_000, valid_tokens=500, test_tokens=500, kinds=kinds)
    words = words_of(corpus, "train")
    starts = {sentence.split()[0] for sentence in words.split("<eos>") if sentence.strip()}
    assert starts == first


def test_the_test_split_can_count_further():
    corpus = grammar.make(
        train_tokens=5_000,
        valid_tokens=500,
        test_tokens=20_000,
        kinds="counting",
        max_count=7,
        test_max_count=40,
    )
    most = {}
    for split in corpus.splits:
        words = words_of(corpus, split)
        most[split] = max(sentence.count("tick") for sentence in words.split("<eos>"))
    assert most["train"] == most["valid"] == 7
    assert 35 <= most["test"] <= 40
    # every number is as likely: the surprise of a sentence of n ticks is log 40
    whole = corpus.test_truth.nats.sum() / (np.asarray(words.split()) == "<eos>").sum()
    assert whole == pytest.approx(math.log(40), rel=0.02)


def test_a_text_of_before_is_the_same_with_the_options_said():
    before = grammar.make(train_tokens=2_000, valid_tokens=200, test_tokens=200)
    said = grammar.make(
        train_tokens=2_000, valid_tokens=200, test_tokens=200, kinds="all", max_count=30, test_max_count=30
    )
    assert said.digest() == before.digest()

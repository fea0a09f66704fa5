"""Draw text from a small probabilistic grammar, whose best reachable perplexity is known exactly.

It has three kinds of sentences, each of which asks something else of a memory:

- agreement: the teachers near the old clock that the dogs chase laugh <eos>
  A verb agrees in number with its subject and goes with its kind of noun, however many nouns of other
  numbers and kinds stand between; clauses nest, so subjects wait on a stack.
- brackets: ( [ x ] { ( x ) } ) <eos>
  Each closing bracket matches the last one open.
- counting: tick tick tick tock tock tock <eos>
  As many tocks as there were ticks.

Every word is drawn from a distribution that depends on the words before it and on nothing else. So its
probability is known when it is drawn, and the mean of -log p over a split is the loss of a model that
knows the grammar: what no model can be expected to beat.

What a word asks of a memory depends on the place that it is drawn for, whichever word it then is:

- agreement: a verb, or something more about its subject first; the size is its distance from that noun
- bracket: within brackets and at their end; the size is the number of brackets that are open
- counting: after a tick or a tock; the size is the number of ticks that have no tock yet
- other: the first word of a sentence, nouns, and what is certain by the word before
"""

import itertools
import math
from bisect import bisect
from functools import cache
from random import Random
from typing import Annotated

import numpy as np

from rnnexp.data.corpus import Corpus, Truth
from rnnexp.data.vocabulary import END, Vocabulary
from rnnexp.options import Option, one_of, within

NOUNS = {  # kind: (singular, plural), the most frequent first
    "animal": [("dog", "dogs"), ("cat", "cats"), ("horse", "horses"), ("owl", "owls")],
    "person": [("teacher", "teachers"), ("farmer", "farmers"), ("singer", "singers"), ("judge", "judges")],
    "machine": [("clock", "clocks"), ("engine", "engines"), ("radio", "radios"), ("robot", "robots")],
    "plant": [("tree", "trees"), ("rose", "roses"), ("vine", "vines"), ("fern", "ferns")],
}
INTRANSITIVE = {
    "animal": [("sleeps", "sleep"), ("runs", "run"), ("howls", "howl")],
    "person": [("laughs", "laugh"), ("talks", "talk"), ("votes", "vote")],
    "machine": [("breaks", "break"), ("hums", "hum"), ("stops", "stop")],
    "plant": [("grows", "grow"), ("fades", "fade"), ("blooms", "bloom")],
}
TRANSITIVE = {
    "animal": [("chases", "chase"), ("bites", "bite")],
    "person": [("praises", "praise"), ("paints", "paint")],
    "machine": [("lifts", "lift"), ("scans", "scan")],
    "plant": [("shades", "shade"), ("hides", "hide")],
}
ADJECTIVES = ["old", "small", "red", "quiet"]
SUBJECTS = {  # noun -> its kind and number
    word: (kind, number)
    for kind, pairs in NOUNS.items()
    for pair in pairs
    for number, word in enumerate(pair)
}
BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
KINDS = OTHER, AGREEMENT, BRACKET, COUNTING = "other", "agreement", "bracket", "counting"
TYPICAL = 0.9  # how often a verb is one of its subject's kind
MAX_CLAUSES = 3  # clauses open at once
MAX_BRACKETS = 10  # brackets open at once
MAX_COUNT = 30  # ticks in a row where no other is asked for; each number from 1 on is equally likely
MOST_TICKS = within(2, 32_767)  # what is kept of each fits 16 bits
LENGTH = within(2, 100_000_000)  # tokens of a split; so many take minutes to draw, and gigabytes


class Choice:
    """Hold a distribution over words, with the surprise of each in nats, and draw from it."""

    def __init__(self, weights: dict[str, float]):
        total = sum(weights.values())
        shares = {word: weight / total for word, weight in weights.items() if weight}
        self.words = list(shares)
        self.nats = [-math.log(share) for share in shares.values()]
        self.cumulative = list(itertools.accumulate(shares.values()))

    def draw(self, random: Random) -> int:
        """Return the index of a drawn word."""
        return min(bisect(self.cumulative, random.random()), len(self.words) - 1)


def ranked(words) -> dict[str, float]:
    """Return weights 1, 1/2, 1/3, ...: the first words are the frequent ones, as in natural text."""
    return {word: 1 / rank for rank, word in enumerate(words, 1)}


def alike(words) -> dict[str, float]:
    """Return equal weights."""
    return dict.fromkeys(words, 1.0)


def mixture(*parts: tuple[float, dict[str, float]]) -> dict[str, float]:
    """Return the weights of a mixture, each part given as its share and its weights."""
    weights: dict[str, float] = {}
    for share, part in parts:
        total = sum(part.values())
        for word, weight in part.items():
            weights[word] = weights.get(word, 0) + share * weight / total
    return weights


# The distributions of the grammar, one for each state that the words so far can lead to.


@cache
def start(kinds: str) -> Choice:
    """Return the distribution of the first word, which tells what kind of sentence follows.

    Parameters
    ----------
    kinds : "all" three, or one of them alone.
    """
    if kinds == AGREEMENT:
        return certain("the")
    if kinds == BRACKET:
        return Choice(alike(BRACKETS))
    if kinds == COUNTING:
        return certain("tick")
    return Choice(mixture((0.5, {"the": 1}), (0.4, alike(BRACKETS)), (0.1, {"tick": 1})))


@cache
def noun(may_be_adjective: bool) -> Choice:
    """Return the distribution of a noun, or of an adjective before one."""
    nouns = ranked(word for rank in zip(*NOUNS.values()) for pair in rank for word in pair)
    return Choice(mixture((0.8, nouns), (0.2, ranked(ADJECTIVES))) if may_be_adjective else nouns)


@cache
def after_subject(transitive: bool, kind: str, number: int, may_nest: bool) -> Choice:
    """Return the distribution after a subject: a verb, or a word that begins another phrase about the subject.

    The verb has its subject's number always, and its kind mostly.
    """
    forms = TRANSITIVE if transitive else INTRANSITIVE
    typical = ranked(pair[number] for pair in forms[kind])
    others = alike(pair[number] for other in forms if other != kind for pair in forms[other])
    verb = mixture((TYPICAL, typical), (1 - TYPICAL, others))
    return Choice(mixture((0.5, verb), (0.25, {"near": 1}), (0.25 if may_nest else 0, {"that": 1})))


@cache
def inside_brackets(closing: str, may_nest: bool) -> Choice:
    """Return the distribution inside of brackets: a word, the closing bracket, or another opening one."""
    if may_nest:
        return Choice(mixture((0.4, alike(BRACKETS)), (0.15, {"x": 1}), (0.45, {closing: 1})))
    return Choice(mixture((0.25, {"x": 1}), (0.75, {closing: 1})))


@cache
def after_ticks(count: int, max_count: int) -> Choice:
    """Return the distribution after some ticks, such that all numbers of ticks up to the largest are equally likely."""
    return Choice({"tick": max_count - count, "tock": 1})


@cache
def certain(word: str) -> Choice:
    """Return the distribution of a word that must come."""
    return Choice({word: 1})


class Writer:
    """Write sentences of the grammar, and keep the surprise of each word and for what place it was drawn.

    Parameters
    ----------
    kinds : of sentences, see `start`.
    max_count : the most ticks in a row.
    """

    def __init__(self, random: Random, kinds: str = "all", max_count: int = MAX_COUNT):
        self.random, self.kinds, self.max_count = random, kinds, max_count
        self.words: list[str] = []
        self.nats: list[float] = []
        self.places: list[tuple[str, int]] = []  # kind and size, see above

    def draw(self, choice: Choice, kind: str = OTHER, size: int = 0) -> str:
        """Draw a word for a kind of place, write it and return it."""
        k = choice.draw(self.random)
        self.places.append((kind, size))
        self.nats.append(choice.nats[k])
        self.words.append(choice.words[k])
        return choice.words[k]

    def sentence(self) -> None:
        """Write a sentence with its end."""
        first, kind = self.draw(start(self.kinds)), OTHER
        if first == "the":
            self.clause(transitive=False, open_clauses=1)
        elif first == "tick":
            self.counting()
            kind = COUNTING
        else:
            self.brackets(first)
            kind = BRACKET
        self.draw(certain(END), kind)

    def clause(self, transitive: bool, open_clauses: int) -> None:
        """Write from after "the" to the verb of its noun."""
        kind, number = SUBJECTS[self.noun_phrase()]
        noun_at = len(self.words) - 1
        while True:
            more = after_subject(transitive, kind, number, open_clauses < MAX_CLAUSES)
            word = self.draw(more, AGREEMENT, len(self.words) - noun_at)
            if word == "near":
                self.draw(certain("the"))
                self.noun_phrase()
            elif word == "that":
                self.draw(certain("the"))
                self.clause(True, open_clauses + 1)
            else:
                return

    def noun_phrase(self) -> str:
        """Write from after "the" to its noun, and return that."""
        word = self.draw(noun(may_be_adjective=True))
        return self.draw(noun(may_be_adjective=False)) if word in ADJECTIVES else word

    def brackets(self, first: str) -> None:
        """Write from after the first bracket to the one that closes it."""
        stack = [BRACKETS[first]]
        while stack:
            inside = inside_brackets(stack[-1], len(stack) < MAX_BRACKETS)
            word = self.draw(inside, BRACKET, len(stack))
            if word in BRACKETS:
                stack.append(BRACKETS[word])
            elif word == stack[-1]:
                stack.pop()

    def counting(self) -> None:
        """Write from after the first tick to the last tock."""
        count = 1
        while self.draw(after_ticks(count, self.max_count), COUNTING, count) == "tick":
            count += 1
        for left in range(count - 1, 0, -1):
            self.draw(certain("tock"), COUNTING, left)

    def truth(self, length: int) -> Truth:
        """Return what is known of the first words."""
        kinds, sizes = zip(*self.places[:length])
        return Truth(
            np.array(self.nats[:length], np.float32),
            np.array([KINDS.index(kind) for kind in kinds], np.int8),
            np.array(sizes, np.int16),
            KINDS,
        )


def make(
    seed: Annotated[int, Option("of the text, apart from that of a run, so that runs share it")] = 0,
    train_tokens: Annotated[int, Option("length of the training split", LENGTH)] = 200_000,
    valid_tokens: Annotated[int, Option("length of the validation split", LENGTH)] = 20_000,
    test_tokens: Annotated[int, Option("length of the test split", LENGTH)] = 20_000,
    kinds: Annotated[
        str,
        Option(
            "kinds of sentences",
            one_of("all", AGREEMENT, BRACKET, COUNTING),
            since_default="all",
        ),
    ] = "all",
    max_count: Annotated[
        int, Option("the most ticks in a row", MOST_TICKS, since_default=MAX_COUNT)
    ] = MAX_COUNT,
    test_max_count: Annotated[
        int | None,
        Option("the same in the test split; null: as many as in the others", MOST_TICKS, since_default=None),
    ] = None,
) -> Corpus:
    """Return the corpus of a seed: the same seed, the same tokens, on every machine.

    The last sentence of a split is cut off at its length.
    """
    most = {"test": max_count if test_max_count is None else test_max_count}
    splits, oracle = {}, {}
    for split, length in ("train", train_tokens), ("valid", valid_tokens), ("test", test_tokens):
        writer = Writer(Random(f"{seed} {split}"), kinds, most.get(split, max_count))
        while len(writer.words) < length:
            writer.sentence()
        splits[split] = writer.words[:length]
        oracle[split] = float(np.mean(writer.nats[1:length]))  # the first word is no target
    vocabulary = Vocabulary(sorted({word for words in splits.values() for word in words}))
    return Corpus(
        vocabulary,
        {split: vocabulary.encode(words) for split, words in splits.items()},
        oracle=oracle,
        test_truth=writer.truth(length),  # the test split was the last
    )

"""Check what is said of a text, of runs with columns made by hand."""

import pandas as pd

from rnnexp.analysis.about_text import about_text

COUNTED = {"ngram_uniform": 10000.0, "ngram_unigram": 641.64, "ngram_trigram": 183.21}


def runs(**columns):
    return pd.DataFrame(COUNTED | {"vocab_size": 10000.0, "unseen": None} | columns, index=[0, 1])


def test_models_that_count_and_the_vocabulary_are_told():
    counted, vocabulary = about_text(runs())
    assert "10,000 (equal odds), 641.6 (frequencies), 183.2 (interpolated trigrams)" in counted
    assert vocabulary == "the vocabulary has 10,000 symbols; no test token is outside it"


def test_unseen_words_are_told_and_many_said_to_be():
    assert about_text(runs(unseen=0.004))[1].endswith("0.4% of the test tokens are not in it")
    assert "which is much: read the perplexity of seen tokens" in about_text(runs(unseen=[0.05, 0.05]))[1]


def test_vocabularies_that_differ_are_no_ground_for_perplexities():
    assert "vocabularies differ (4,000, 10,000 symbols)" in about_text(runs(vocab_size=[10000.0, 4000.0]))[1]


def test_runs_of_before_say_nothing():
    assert about_text(runs(**dict.fromkeys(COUNTED), vocab_size=None)) == []

"""Say what the losses on a text are to be read beside: its vocabulary, words that it lacks, models that count."""

import pandas as pd

MANY_UNSEEN = 0.01  # of the test tokens


def about_text(runs: pd.DataFrame) -> list[str]:
    """Return sentences about the test split of runs that share it, as far as they recorded it."""
    sentences = []
    known = runs.dropna(subset=["ngram_uniform", "ngram_unigram", "ngram_trigram"])
    if len(known):
        uniform, unigram, trigram = (
            known[f"ngram_{name}"].iloc[0] for name in ("uniform", "unigram", "trigram")
        )
        sentences.append(
            f"models that only count have on this test split a perplexity of {uniform:,.0f} (equal odds), "
            f"{unigram:,.4g} (frequencies), {trigram:,.4g} (interpolated trigrams)"
        )
    sizes = runs["vocab_size"].dropna().unique()
    if len(sizes) == 1:
        share = runs["unseen"].fillna(0.0).max()
        unseen = (
            f"{100 * share:.2g}% of the test tokens are not in it" if share else "no test token is outside it"
        )
        sentences.append(f"the vocabulary has {sizes[0]:,.0f} symbols; {unseen}")
        if share > MANY_UNSEEN:
            sentences[-1] += ", which is much: read the perplexity of seen tokens beside"
    elif len(sizes) > 1:
        each = ", ".join(f"{size:,.0f}" for size in sorted(sizes))
        sentences.append(f"vocabularies differ ({each} symbols): compare bits of a byte, not perplexities")
    return sentences

"""Let MLflow load the model of a run, by `mlflow.pyfunc.load_model`, from a folder in which nothing is pickled.

    model = mlflow.pyfunc.load_model("runs:/RUN_ID/model")  # or a run folder
    model.predict(["the cat", "a dog"])                     # texts that go on from these
    model.predict(np.array([[3, 1, 4]]))                    # log probabilities of the next token

The file MLmodel names this module; config.yaml, vocabulary.json and best.npz are beside it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.evaluation.sampling import sample
from rnnexp.experiment.trained import load, prompt_tokens
from rnnexp.records.folder import RunFolder


def _load_pyfunc(path: str, model_config: dict[str, Any]) -> "Predictor":
    """Return the model of a folder, for MLflow, which asks for it under this name.

    model_config : how texts are drawn: what MLmodel says, changed by `load_model(..., model_config={...})`.
    """
    return Predictor(Path(path), model_config)


class Predictor:
    """Go on with texts, or rate tokens, by the model of a folder."""

    def __init__(self, path: Path, drawn: dict[str, Any]):
        self.model, self.corpus = load(RunFolder(path))
        self.drawn = drawn

    def predict(self, data: Any, params: Any = None) -> Any:
        """Return for texts the texts that go on from them, for tokens what the model expects after each.

        Parameters
        ----------
        data : texts, in a list, array or table, each a prompt as in `rnnexp generate`; or integers (N, T),
            N sequences of tokens, numbered as in vocabulary.json; -1 begins a sequence.

        Returns
        -------
        a list of N texts without their prompts; or float32 (N, T, V), log probabilities of the next token.
        """
        values = np.asarray(data)
        if np.issubdtype(values.dtype, np.integer):
            return self.log_probabilities(np.atleast_2d(values))
        rng = np.random.default_rng(self.drawn["seed"])
        return [self.continuation(str(prompt), rng) for prompt in values.ravel()]

    def continuation(self, prompt: str, rng: np.random.Generator) -> str:
        """Return a text that goes on from a prompt."""
        tokens = prompt_tokens(prompt, self.corpus)
        how = {"temperature": self.drawn["temperature"], "top_k": self.drawn["top_k"]}
        (text,) = sample(self.model, tokens, self.drawn["length"], rng, end=self.corpus.end, **how)
        return self.corpus.text(text)

    def log_probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """Return the log probabilities (N, T, V) of the token after each of (N, T)."""
        number, length = tokens.shape
        inputs = np.ascontiguousarray(tokens.T, np.int32)
        logits, _ = self.model.logits(inputs, self.model.zero_state(number), self.model.workspace())
        logits = logits - logits.max(axis=-1, keepdims=True)
        rated = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return rated.reshape(length, number, -1).transpose(1, 0, 2)

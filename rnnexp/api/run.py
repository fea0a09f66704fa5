"""Show what a run came to: its numbers as a frame, its curves on axes, text from its model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnexp.api.mistakes import any_number, axes_or_new, plainly, require_text, whole_number
from rnnexp.cli import generate
from rnnexp.experiment import curves
from rnnexp.experiment.progress import in_words
from rnnexp.records.folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Run:
    """Read a run from its folder, as far as it is.

    Attributes
    ----------
    folder : the run folder, where everything is kept.
    config : the resolved config.
    """

    def __init__(self, kept: RunFolder):
        self.kept = kept
        self.folder: Path = kept.path
        self.config: dict[str, Any] = kept.load_config()

    @property
    def name(self) -> str:
        """Return what the run is called: its cell, what was set, its seed."""
        return self.kept.label().get("name", self.folder.name)

    @property
    def status(self) -> str:
        """Return RUNNING, FINISHED, FAILED or KILLED."""
        return self.kept.state().get("status", "not begun")

    @property
    def history(self) -> pd.DataFrame:
        """Return a row an epoch: losses in nats per token, perplexities, rate, tokens seen, seconds."""
        return table(self.kept.records(), "epoch")

    @property
    def steps(self) -> pd.DataFrame:
        """Return a row for each measurement within the epochs: train.log_every and train.validate_every."""
        return table(self.kept.steps(), "step")

    @property
    def result(self) -> dict[str, float]:
        """Return the final metrics under their recorded names; empty while the run has not finished."""
        return self.kept.result() or {}

    @property
    def test_ppl(self) -> float | None:
        """Return the test perplexity of the best weights; None where it was not measured."""
        return self.result.get("test/ppl")

    @property
    def valid_ppl(self) -> float | None:
        """Return the best validation perplexity; None before the run has finished."""
        return self.result.get("best/valid_ppl")

    @plainly
    def generate(
        self,
        prompt: str = "",
        num: int = 1,
        length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> list[str]:
        """Return texts from the best weights, the prompt before each; as `rnnexp generate`, which says more."""
        require_text("prompt", prompt)
        options = generate.Options(
            str(self.folder),
            prompt,
            whole_number("num", num),
            whole_number("length", length),
            any_number("temperature", temperature),
            None if top_k is None else whole_number("top_k", top_k),
            whole_number("seed", seed),
        )
        return generate.generate(options)

    @plainly
    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the learning curves on axes, by default new ones, with best and test marked; return the axes."""
        kept = self.kept
        return curves.draw(axes_or_new(ax), kept.records(), kept.steps(), kept.result() or {}, self.name)

    def __repr__(self) -> str:
        """Return the run in a line."""
        reached = (
            in_words(self.result) if self.result else f"{self.status}, {len(self.kept.records())} epochs"
        )
        return f"<rnnexp run {self.name}: {reached}; {self.kept}>"


def table(records: list[dict[str, Any]], index: str) -> pd.DataFrame:
    """Return records as rows, without the time of each."""
    rows = [{key: value for key, value in record.items() if key != "time"} for record in records]
    return pd.DataFrame(rows).set_index(index) if rows else pd.DataFrame()

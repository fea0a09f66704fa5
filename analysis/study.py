"""Read studies: every run with its fate, what was recorded over its epochs, and what may be compared."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from rnnexp.analysis import where as conditions
from rnnexp.analysis.comparing import Group, compare_groups
from rnnexp.analysis.configurations import (
    Usual,
    left_out_of_names,
    name_configurations,
    usual_settings,
    varying_settings,
)
from rnnexp.analysis.described import DONE, describe
from rnnexp.analysis.fates import fates, folders_of, left_deleted, roles, runs_without_config, unrecorded
from rnnexp.analysis.records import load_deleted, load_history, load_runs
from rnnexp.analysis.verdict import Rules
from rnnexp.output import visible

HISTORY = [
    *("valid/loss", "train/loss", "train/sequence_loss", "lr", "grad_norm", "max_grad_norm", "clip_share"),
    *("updates", "tokens", "epoch_s", "epoch_cpu_s"),
]


@dataclass(frozen=True)
class Study:
    """Hold what studies recorded, as plain tables.

    runs : a row a run, in the order they started, failed ones and trials included. Columns: `run_id study
        group configuration cell dataset seed role status fate reported folder start_time`, those of
        `fairness.COLUMNS` but `alternatives`, what the runs reached (`valid_loss test_loss best_reachable` in nats per
        token, `valid_ppl test_ppl bpc`), what they are (`hidden_size recurrent_parameters operations_per_token
        protocol trial sampler tuned`), what they took (`epoch_s epoch_cpu_s train_cpu_s s_to_best`), and a
        column of text for each key of `settings`. What was not recorded is missing.
    history : a row an epoch of a run: `run_id epoch` and the columns of `HISTORY`.
    settings : config key -> how it is called, for those in which the final runs differ, the cell first.
    recorded : the same runs with all that they recorded, under MLflow's names: `params.* metrics.* tags.*`.
    notes : sentences about the whole.
    """

    studies: list[str]
    runs: pd.DataFrame
    history: pd.DataFrame
    settings: dict[str, str]
    groups: list[Group]
    recorded: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def runs_of(self, group: Group) -> pd.DataFrame:
        """Return the runs of a group."""
        return self.runs[self.runs["group"] == group.name]


def load_study(
    studies: Sequence[str], uri: str, where: str = "", baseline: str = "", rules: Rules | None = None
) -> Study:
    """Return what studies recorded, and what may be said of it.

    Parameters
    ----------
    studies : their names.
    uri : of the MLflow store.
    where : which runs, as `conditions.parse` takes it: "dataset.name=ptb and model.num_layers=2".
    baseline : a configuration or a cell; only pairs with it are compared.
    rules : the margin and the look of the verdicts.

    Raises
    ------
    UserError where nothing is recorded, or `where` or `baseline` name nothing.
    """
    recorded = load_runs(list(dict.fromkeys(studies)), uri)
    deleted = load_deleted(studies, uri)
    unknown = [*left_deleted(deleted), *unrecorded(folders_of(recorded), folders_of(deleted), studies)]
    recorded = conditions.keep(recorded, conditions.parse(where))
    made = make_study(list(studies), recorded, load_history(recorded, HISTORY, uri), baseline, rules)
    return replace(made, notes=[*made.notes, *unknown])


def make_study(
    studies: list[str],
    recorded: pd.DataFrame,
    history: pd.DataFrame,
    baseline: str = "",
    rules: Rules | None = None,
) -> Study:
    """Return what tables of recorded runs, as from `load_runs` and `load_history`, say."""
    recorded = visible_texts(recorded.reset_index(drop=True))
    history = history.reindex(columns=list(dict.fromkeys(["run_id", "epoch", *HISTORY, *history])))
    runs = describe(recorded, history)
    has_config = ~runs_without_config(recorded)
    settings, usual, runs["configuration"] = _configurations(recorded, runs, has_config)
    for key in settings:
        runs[key] = recorded.get(f"params.{key}", None)
    runs["role"] = roles(runs)
    runs["reported"] = (runs["role"] == "final") & runs["status"].isin(DONE)
    runs["fate"] = fates(runs, recorded.get("tags.rnnexp.error", pd.Series(None, index=runs.index)))
    groups, runs["group"] = compare_groups(runs, settings, baseline, rules or Rules())
    notes = [*only_trials(studies, runs), *left_out_of_names(usual, settings)]
    return Study(studies, runs, history, settings, groups, recorded, notes=notes)


def only_trials(studies: list[str], runs: pd.DataFrame) -> list[str]:
    """Return that nothing but trials of a search came to an end, and where what they led to is; else nothing."""
    ended = runs[runs["status"].isin(DONE)]
    if ended.empty or (ended["role"] == "final").any():
        return []
    best = ", ".join(f"study={study}_best" for study in studies)
    return [
        f"all runs that ended are trials of a search, which are not compared: its best settings ran as {best}"
    ]


def _configurations(
    recorded: pd.DataFrame, runs: pd.DataFrame, has_config: pd.Series
) -> tuple[dict[str, str], Usual, pd.Series]:
    """Return the settings in which final runs differ, which are usual, and the configuration of each run in words.

    Runs that failed and trials define no settings. They are named by all in which any runs differ,
    unless a final run has their configuration.
    """
    final = has_config & runs["trial"].isna() & (runs["status"] != "pruned")
    ended = final & (recorded["status"] == "FINISHED")
    solid = next((chosen for chosen in (ended, final, has_config) if chosen.any()), has_config)
    settings = varying_settings(recorded[solid]) if has_config.any() else {"cell.name": "cell"}
    names = pd.Series("", index=runs.index, dtype=object)
    if not has_config.any():
        return settings, {}, names
    everything = recorded[has_config]
    found = name_configurations(everything, varying_settings(everything))
    names = pd.Series(found, index=everything.index, dtype=object).reindex(runs.index, fill_value="")
    usual = usual_settings(recorded[solid], settings)
    short = dict(zip(names[solid], name_configurations(recorded[solid], settings, usual)))
    return settings, usual, names.map(lambda name: short.get(name, name))


def visible_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with all its texts made visible."""
    texts = {
        str(column): table[column].map(lambda value: visible(value) if isinstance(value, str) else value)
        for column in table
        if not pd.api.types.is_numeric_dtype(table[column].dtype)
    }
    return table.assign(**texts)

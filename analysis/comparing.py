"""Put the runs of studies into groups that may be compared, and ask what may be said of each."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from rnnexp.analysis import fairness
from rnnexp.analysis.about_text import about_text
from rnnexp.analysis.configurations import as_one, tuned_keys
from rnnexp.analysis.design import Design, find_design
from rnnexp.analysis.fairness import OK, REFUSED, STATED, Light
from rnnexp.analysis.verdict import Configuration, Question, Rules, Verdict, judge_together
from rnnexp.errors import UserError

SEVERITY = {OK: 0, STATED: 1, REFUSED: 2}


@dataclass
class Group:
    """Hold runs that may be compared with each other: of one data set, scored alike.

    configurations : ordered by mean validation loss, those without any last.
    standing : those of them that stand for their cells, of which the verdicts are.
    notes : sentences about what was left out, and what has no partner.
    """

    name: str
    configurations: list[str]
    standing: list[str] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare_groups(
    runs: pd.DataFrame, settings: dict[str, str], baseline: str, rules: Rules
) -> tuple[list[Group], pd.Series]:
    """Return the groups of runs, and the name of the group of each run.

    The pairs of all groups are tested together; where each is compared with the best alone, the other pairs count too.

    Parameters
    ----------
    runs : as `Study.runs`, all but `group`.
    """
    names = group_names(runs, settings)
    finals = runs[runs["role"] == "final"]
    groups, questions, owners, unasked = [], [], [], 0
    found_baseline = not baseline
    for name in dict.fromkeys(names[finals.index]):
        inside = runs[names == name].copy()
        table = configuration_table(inside[inside["role"] == "final"], settings)
        inside["trials"] = budgets(inside, settings)
        design = find_design(table, settings, tuned_keys(inside["tuned"]), baseline)
        inside["alternatives"] = inside["configuration"].map(design.alternatives).where(inside["trials"] == 0)
        unasked += design.unasked
        found_baseline |= bool(design.pairs) or baseline in {*table.index, *table["cell.name"]}
        ended = (table[["finished", "diverged"]] > 0).any(axis=1) | table.index.isin(design.standing)
        order = table[ended].sort_values("valid_loss", kind="stable").index
        if order.empty:
            continue  # nothing but failures: each run is named with its fate
        group = Group(name, [str(n) for n in order], design.standing, notes=design.notes)
        group.lights = merged([lights_of(inside, names, settings) for names in strata(design)])
        group.notes += about_text(inside[inside["role"] == "final"])
        groups.append(group)
        for a, b in design.pairs:
            asked, notes = question(inside, a, b, replace(rules, is_paired=design.is_paired), settings)
            questions.append(asked)
            owners.append(group)
            group.notes += notes
    if not found_baseline:
        known = "; ".join(sorted({n for group in groups for n in group.standing}))
        raise UserError(f"baseline={baseline} is no cell or configuration: there are {known}")
    for group, answer in zip(owners, judge_together(questions, unasked)):
        group.verdicts.append(answer)
    return groups, names


def strata(design: Design) -> list[list[str]]:
    """Return the sets of configurations to light: those with company, or all where none has."""
    several = [names for names in design.strata.values() if len(names) > 1]
    return several or list(design.strata.values())


def group_names(runs: pd.DataFrame, settings: dict[str, str]) -> pd.Series:
    """Return for each run the data set and, where these differ, the protocol; empty for runs without config.

    Data are the same where the settings of the data set are, or where their digests are.
    """
    keys = [key for key in settings if key.startswith("dataset.") and key != "dataset.name"]
    words = runs["dataset"].fillna("").astype(str)
    for key in keys:
        has = runs[key].notna()
        words = words.where(~has, words + f", {settings[key]}=" + runs[key].astype(str))
    words = words.groupby(runs["data_digest"].fillna(words)).transform("first")
    words = words.groupby(runs["configuration"]).transform("first")
    protocol = runs["protocol"].fillna("")
    several = protocol.groupby(words).transform("nunique") > 1
    scored = protocol.where(protocol != "", "protocol not recorded")
    words = words.where(~several, words + ", " + scored)
    return words.where(runs["role"] != "no config", "")


def configuration_table(finals: pd.DataFrame, settings: dict[str, str]) -> pd.DataFrame:
    """Return a row a configuration: its settings, and how its final runs went; see `find_design`."""
    finished = finals[finals["status"] == "finished"]
    by_name = finals.groupby("configuration", sort=False)
    table = by_name[list(settings)].first().astype(object).fillna("").astype(str)
    status = pd.crosstab(finals["configuration"], finals["status"])
    for column in "finished", "diverged":
        table[column] = status.get(column, pd.Series(0, index=status.index)).reindex(table.index)
    table["valid_loss"] = finished.groupby("configuration")["valid_loss"].mean().reindex(table.index)
    return table


def budgets(runs: pd.DataFrame, settings: dict[str, str]) -> pd.Series:
    """Return how many trials tuned each run: those recorded, however they ended, where more than it says."""
    trials = runs["trials"].copy()
    spent = runs[runs["role"] == "trial"]
    for tuned, chosen in runs[(runs["role"] == "final") & runs["tuned"].notna()].groupby("tuned"):
        keys = [key for key in settings if key not in tuned_keys([tuned])]
        counts = spent[keys].astype(str).value_counts()
        own = [counts.get(tuple(row), 0) for row in chosen[keys].astype(str).to_numpy()]
        trials[chosen.index] = np.fmax(trials[chosen.index], own)
    return trials


def lights_of(runs: pd.DataFrame, names: list[str], settings: dict[str, str]) -> list[Light]:
    """Return the lights of configurations among the runs of a group; trials of their cells are seen too."""
    cells = runs[runs["configuration"].isin(names)]["cell"].unique()
    columns = [c for c in dict.fromkeys([*fairness.COLUMNS, "role", "cell", *settings]) if c in runs]
    seen = runs.loc[runs["cell"].isin(cells), columns]
    compared = (seen["role"] == "final") & seen["configuration"].isin(names)
    found = fairness.lights(seen.assign(reported=compared))
    finals = seen[compared].fillna(dict.fromkeys(settings, "none"))
    by = "cell" if finals.groupby("cell")["configuration"].nunique().max() == 1 else "configuration"
    differing = [
        f"{word} ({fairness.each(finals, key, by)})"
        for key, word in settings.items()
        if not key.startswith("cell.") and finals[key].nunique() > 1
    ]
    if differing:
        return [*found, Light("settings", STATED, f"settings differ: {', '.join(differing)}")]
    return [*found, Light("settings", OK, "all settings but those of the cell are equal")]


def merged(lit: list[list[Light]]) -> list[Light]:
    """Return a light a question of several sets: the gravest, with what each says."""
    lights = []
    for same in zip(*lit):
        level = max((light.level for light in same), key=lambda level: SEVERITY[level])
        said = dict.fromkeys(light.sentence for light in same if light.level != OK or level == OK)
        lights.append(Light(same[0].name, level, "; ".join(list(said)[: 1 if level == OK else None])))
    return lights


def configuration(runs: pd.DataFrame, name: str, measure: str = "test_loss") -> Configuration:
    """Return what the final runs of a configuration reached, by a column of losses."""
    own = runs[(runs["configuration"] == name) & (runs["role"] == "final")]
    finished = own[(own["status"] == "finished") & own[measure].notna()]
    losses = {int(seed): float(loss) for seed, loss in zip(finished["seed"], finished[measure])}
    return Configuration(name, losses, int((own["status"] == "diverged").sum()), len(own))


def question(
    runs: pd.DataFrame, a: str, b: str, rules: Rules, settings: dict[str, str]
) -> tuple[Question, list[str]]:
    """Return what is asked of a pair among the runs of a group, and sentences about how.

    Where no run of one of the two was tested, by validation, which chose the best weights.
    """
    notes = []
    pair = [configuration(runs, name) for name in (a, b)]
    rules = replace(rules, context=context(runs, a, b))
    validated = [configuration(runs, name, "valid_loss") for name in (a, b)]
    if any(left.finished and not right.finished for left, right in zip(validated, pair)):
        pair, rules = validated, replace(rules, measure="best validation perplexity")
        notes.append(f"{as_one(a)} and {as_one(b)} are compared by validation: test was not scored in both")
    shared = pair[0].finished.keys() & pair[1].finished.keys()
    if rules.is_paired and any(len(one.finished) > len(shared) for one in pair):
        each = " and ".join(f"{len(one.finished)} of {as_one(one.name)}" for one in pair)
        notes.append(
            f"the interval is of the {len(shared)} seeds that both have; the table's means of {each}"
        )
    return Question(pair[0], pair[1], rules, lights_of(runs, [a, b], settings)), notes


def context(runs: pd.DataFrame, a: str, b: str) -> str:
    """Return how the sentence of a verdict opens: the data, the trials and the parameters, where they agree."""
    own = runs[runs["configuration"].isin([a, b]) & (runs["role"] == "final")]
    words = [f"On {own['dataset'].iloc[0]}"] if own["dataset"].notna().all() else []
    alike = []
    trials, sizes = own["trials"], own["parameters"]
    if trials.nunique() == 1 and trials.iloc[0] > 0:
        alike.append(f"{trials.iloc[0]:.0f} trials each")
    if sizes.notna().any() and (apart := sizes.max() / sizes.min() - 1) <= fairness.MOST_APART:
        near = f" within {100 * apart:.1f}%" if apart else ""
        alike.append(f"{sizes.min():,.0f} parameters{near}")
    if alike:
        words.append(f"with {' and '.join(alike)}")
    return ", ".join(words)

"""Write what a study shows as text: a table a group, the verdicts, the lights, and what was left out."""

from collections.abc import Sequence

import pandas as pd

from rnnexp.analysis.columns import COLUMNS
from rnnexp.analysis.comparing import Group
from rnnexp.analysis.configurations import as_one
from rnnexp.analysis.fairness import OK
from rnnexp.analysis.markdown import aligned_table
from rnnexp.analysis.study import Study

ON_SCREEN = 10  # of the runs that are not in the numbers


def group_rows(study: Study, group: Group) -> pd.DataFrame:
    """Return one row a configuration of a group, in its order: settings, how its runs went, and `COLUMNS`.

    The means are over its finished runs; of those that diverged only the number is told.
    """
    own = study.runs_of(group)
    final = own[own["role"] == "final"]
    final = final.assign(excess=final["test_loss"] - final["best_reachable"])
    rows = []
    for name in group.configurations:
        own = final[final["configuration"] == name]
        finished = own[own["status"] == "finished"]
        row = {
            "group": group.name,
            "configuration": name,
            **{key: own[key].iloc[0] for key in study.settings},
        }
        row |= {"finished": len(finished), "begun": len(own)}
        row |= {"diverged": int((own["status"] == "diverged").sum())}
        for column in COLUMNS:
            row |= column.summarise(finished[column.source])
        rows.append(row | {"protocol": own["protocol"].iloc[0], "standing": name in group.standing})
    return pd.DataFrame(rows)


def group_table(study: Study, group: Group) -> list[str]:
    """Return the lines of a group's table in Markdown."""
    rows = group_rows(study, group)
    columns = {"cell": [str(name) for name in rows["cell.name"]]}
    for key, title in study.settings.items():
        if rows[key].nunique(dropna=False) > 1:
            columns[title] = [str(value) if pd.notna(value) else "-" for value in rows[key]]
    columns["runs"] = [
        (str(n) if n == begun else f"{n} of {begun}") + (f", {lost} diverged" if lost else "")
        for n, begun, lost in zip(rows["finished"], rows["begun"], rows["diverged"])
    ]
    columns |= {column.title: column.cells(rows) for column in COLUMNS if column.is_shown(rows)}
    if rows["protocol"].notna().any() and study.runs["protocol"].nunique() > 1:
        columns["scored"] = [str(value) if pd.notna(value) else "-" for value in rows["protocol"]]
    return aligned_table(list(columns), list(zip(*columns.values())))


def legend(rows: pd.DataFrame) -> str:
    """Return what a reader must know to read a table."""
    most = rows["finished"].max()
    spreads = (
        " ± standard deviation" if most > 1 else ", one run each" if most else ", of which there are none"
    )
    words = [f"Losses are means over the finished runs{spreads}, in nats per token; the best weights count."]
    if rows["excess_mean"].notna().any():
        words.append(
            "The best reachable loss is that of the sampled test text itself, the same tokens for every run."
        )
    words.append("The order is that of validation.")
    return " ".join(words)


def group_text(study: Study, group: Group, more: Sequence[str] = ()) -> str:
    """Return a group in Markdown: table, verdicts, what `more` sentences say, lights, notes."""
    parts = [f"## {group.name}"] if len(study.groups) > 1 else []
    parts += ["\n".join(group_table(study, group)), legend(group_rows(study, group))]
    said = ["; ".join(filter(None, (v.sentence, v.detail))) for v in group.verdicts]
    if not said and len(group.configurations) == 1:
        said = [f"one configuration, {as_one(group.configurations[0])}: nothing to compare it with"]
    parts.append(listed([*said, *more]))
    parts.append(f"Fair?\n\n{listed(light_lines(group))}")
    if group.notes:
        parts.append(f"Compared with what:\n\n{listed(group.notes)}")
    return "\n\n".join(part for part in parts if part)


def light_lines(group: Group) -> list[str]:
    """Return a line for each light that refuses or states something, and one for all others."""
    fine = [light.name for light in group.lights if light.level == OK]
    rest = [light for light in group.lights if light.level != OK]
    lines = [f"{light.level}: {light}" for light in rest]
    return lines + ([f"passed: {', '.join(fine)}"] if fine else [])


def left_out(study: Study) -> list[str]:
    """Return a sentence for every run that is not in the numbers."""
    rest = study.runs[study.runs["fate"] != ""]
    columns = ("configuration", "run_id", "seed", "fate", "folder")
    return [
        f"{name or f'run {run_id}'}{'' if pd.isna(seed) else f', seed {seed}'}: {fate}"
        + (f"; {folder}" if folder else "")
        for name, run_id, seed, fate, folder in zip(*(rest[column] for column in columns))
    ]


def study_text(study: Study, groups: Sequence[str], most: int | None = None, file: str = "") -> str:
    """Return a study in Markdown, given its groups in it; of the runs left out the first `most`.

    file : where all of these stand.
    """
    parts = list(groups)
    sentences = left_out(study)
    if shown := sentences[:most]:
        rest = len(sentences) - len(shown)
        more = [f"and {rest} more, in {file}"] if rest else []
        parts.append(f"Not in the numbers:\n\n{listed([*shown, *more])}")
    if study.notes:
        parts.append(listed(study.notes))
    return "\n\n".join(parts) + "\n"


def csv(study: Study) -> str:
    """Return the rows of every group as CSV, numbers to six digits."""
    rows = [group_rows(study, group) for group in study.groups] or [pd.DataFrame(columns=["group"])]
    table = pd.concat(rows)
    for name in table.select_dtypes("float"):
        if (table[name].dropna() % 1 == 0).all():  # counts, which six digits would cut
            table[name] = table[name].astype("Int64")
    return table.to_csv(index=False, float_format="%.6g")


def listed(sentences: Sequence[str]) -> str:
    """Return sentences as a list in Markdown."""
    return "\n".join(f"- {sentence}" for sentence in sentences)

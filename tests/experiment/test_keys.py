"""Every key is described where it is taken, and the page of the configs shows the descriptions."""

import pytest

from rnnexp.data.datasets import DATASETS
from rnnexp.errors import UserError
from rnnexp.evaluation import EVALUATORS
from rnnexp.experiment import key_table, rules
from rnnexp.experiment.config import ALWAYS, CHOICES, RUNTIME, keys_of_choice
from rnnexp.installation import CONF
from rnnexp.options import NOTHING, options_of
from tests.conftest import REPOSITORY
from tests.experiment.test_configs import composed

EVERY = list(ALWAYS.items()) + [
    (f"{group}={name}: {key}", described)
    for group, choices in CHOICES.items()
    for name in choices
    for key, described in keys_of_choice(group, name).items()
]
EVERY += [
    (f"evaluation={name}: {key}", described)
    for name, make in EVALUATORS.items()
    for key, described in options_of(make).items()
]


@pytest.mark.parametrize(("key", "described"), EVERY, ids=[key for key, _ in EVERY])
def test_a_description_says_something(key, described):
    option = described.option
    assert len(option.meaning.split()) > 1
    assert not option.meaning.endswith(".")
    assert not (option.runtime and option.defines_result)
    if option.allowed and described.default not in (None, NOTHING):
        option.allowed.require(key, described.default)


def test_what_computes_becomes_tags():
    assert RUNTIME == ["device", "threads", "engine"]


def test_values_of_what_is_chosen_are_checked_too():
    config = composed("cell=gru")
    rules.check(config)
    config["cell"]["reset"] = "never"
    with pytest.raises(UserError, match=r"^cell.reset=never must be before or after$"):
        rules.check(config)


def test_data_sets_are_found_by_their_files():
    files = (REPOSITORY / "rnnexp/data/datasets").glob("*.py")
    assert set(DATASETS) == {path.stem for path in files} - {"__init__"}


def test_the_page_of_the_configs_has_the_table():
    page = (CONF / "README.md").read_text(encoding="utf-8")
    assert key_table.put_into(page, key_table.table()) == page, "run python -m rnnexp.experiment.key_table"


def test_the_table_names_every_key_and_group():
    table = key_table.table()
    names = set(ALWAYS) | {
        f"{group}.{key}"
        for group, choices in CHOICES.items()
        for c in choices
        for key in keys_of_choice(group, c)
    }
    for name in names - {f"{group}.name" for group in CHOICES}:
        assert f"| `{name}`" in table
    page = (CONF / "README.md").read_text(encoding="utf-8")
    for folder in CONF.iterdir():
        if folder.is_dir() and folder.name != "hydra":
            assert f"| `{folder.name}` |" in page


def test_a_page_without_the_marks_is_refused():
    with pytest.raises(UserError, match="no place for the table: write"):
        key_table.put_into("a page", "a table")

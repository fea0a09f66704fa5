"""The runs of a sweep have names by what varies in it, and one parent, whatever is added to the command."""

import pytest

from rnnexp.experiment import schema
from rnnexp.sweeps.labels import label
from tests.conftest import QUICK
from tests.helpers.requests import make_job, open_request

schema.register()


def labels(*arguments, jobs=1):
    """What the first jobs of a command are called."""
    with open_request(arguments) as request:
        return [label(make_job(*one), request) for one in request.combinations()[:jobs]]


def key(*arguments):
    return labels(*arguments)[0]["sweep"]["key"]


def test_runs_are_named_by_what_varies_and_the_sweep_by_the_rest_too():
    fixed = "seed=1", "model.num_layers=1", "study=s", "engine=numpy"
    found = labels("cell=lstm,gru", "model.dropout=0,0.2", *fixed, jobs=3)
    assert [given["name"] for given in found] == [
        *("lstm dropout=0 seed=1", "lstm dropout=0.2 seed=1"),
        "gru dropout=0 seed=1",
    ]
    assert found[0]["sweep"]["name"] == "sweep over cell, dropout: num_layers=1"
    assert found[0]["sweep"]["command"].startswith("rnnexp -m cell=lstm,gru model.dropout=0,0.2 seed=1 ")
    assert len({given["sweep"]["key"] for given in found}) == 1


@pytest.mark.parametrize(
    "again",
    [
        ["cell=lstm,gru", "seed=0,1", "model.dropout=0.2"],
        ["model.dropout=0.2", "cell=lstm,gru,rnn", "seed=0,1"],
        ["cell=lstm,gru", "model.dropout=0.2", "seed=range(5)", "sweep.workers=1", "tracking=none"],
        ["cell=lstm,gru", "model.dropout=0.2", "engine=numpy", "study=other"],
    ],
    ids=["the same", "more cells", "more seeds", "one seed"],
)
def test_a_command_that_goes_on_with_a_sweep_belongs_to_it(again):
    assert key(*again) == key("cell=lstm,gru", "seed=0,1", "model.dropout=0.2")


@pytest.mark.parametrize(
    "other",
    [
        ["cell=lstm,gru", "seed=0,1", "model.dropout=0.3"],
        ["cell=lstm,gru", "seed=0,1", "model.dropout=0.2,0.3"],
        ["cell=lstm,gru", "seed=0,1"],
    ],
)
def test_another_command_is_another_sweep(other):
    assert key(*other) != key("cell=lstm,gru", "seed=0,1", "model.dropout=0.2")


def test_a_search_names_its_trials_by_what_they_try(tmp_path, monkeypatch):
    search = pytest.importorskip("rnnexp.sweeps.search")
    monkeypatch.chdir(tmp_path)
    given = [*QUICK, "sweep=search", "cell=lstm,gru", "optimizer.lr=1,2", "sweep.trials=1"]
    with open_request(given) as request:
        work = search.Search(request, workers=1, timeout=None, on_error="keep_going")
        first = work.next_job()
        final = label(first, request, final=True)
        work.close()
    assert first.label["name"].startswith("lstm ")
    assert " lr=" in first.label["name"]
    assert " dropout=" in first.label["name"]
    assert first.label["name"].endswith(" seed=0")
    assert first.label["sweep"]["name"].startswith("search over clip_norm, dropout, lr for each cell: ")
    assert final["sweep"]["name"].startswith("final runs of the search over clip_norm, ")
    assert final["sweep"]["key"] != first.label["sweep"]["key"]

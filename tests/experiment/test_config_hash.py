"""The hash of a config: the same for ever, and nothing in it but what defines the result."""

import json
from pathlib import Path

import pytest

from rnnexp.experiment import config as keys
from rnnexp.experiment.config_hash import defining, hashes, not_parameters
from rnnexp.options import Key, Option, path_to_file
from tests.experiment.test_configs import composed

# overrides -> config hash and group hash, as the program made them that first had this set of keys
GOLDEN = json.loads(Path(__file__).with_name("golden_hashes.json").read_text())


@pytest.mark.parametrize("overrides", GOLDEN, ids=lambda overrides: overrides or "nothing")
def test_the_hashes_of_released_keys_stay(overrides, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text("some words and more words\n" * 1000)
    assert list(hashes(composed(*overrides.split()))) == GOLDEN[overrides]


def with_key(monkeypatch, name, option):
    monkeypatch.setitem(keys.ALWAYS, name, Key(bool, option.since_default, option))


def test_a_new_option_changes_the_hash_only_where_it_changes_the_result(monkeypatch):
    before = composed()
    with_key(monkeypatch, "train.swa", Option("averages weights", since_default=False))

    def after(value):
        return before | {"train": before["train"] | {"swa": value}}

    assert hashes(after(False)) == hashes(before)
    assert hashes(after(True)) != hashes(before)
    assert "train.swa" not in defining(after(False))
    assert "train.swa" in defining(after(True))
    # and in a store the runs of before do not seem to differ
    assert "train.swa" in not_parameters(after(False))
    assert "train.swa" not in not_parameters(after(True))


def test_an_option_that_is_not_described_as_beside_the_result_defines_it(monkeypatch):
    before = composed()
    config = before | {"train": before["train"] | {"swa": True}}
    assert hashes(config) != hashes(before)
    with_key(monkeypatch, "train.swa", Option("averages weights", defines_result=False))
    assert hashes(config) == hashes(before)


def test_a_file_of_the_users_counts_by_its_content_whatever_its_key_is_called(monkeypatch, tmp_path):
    with_key(monkeypatch, "model.vectors", path_to_file("of words"))
    found = {}
    for name, text in ("a", "x"), ("b", "x"), ("c", "y"):
        (tmp_path / name).write_text(text)
        config = composed()
        config["model"]["vectors"] = str(tmp_path / name)
        found[name] = hashes(config)
        assert "model.vectors" in defining(config)
    assert found["a"] == found["b"] != found["c"]


def test_what_computes_is_no_parameter():
    new = {  # as programs did before them, and otherwise
        "tf32": "true",
        "dataset.kinds": "counting",
        "dataset.max_count": "7",
        "dataset.test_max_count": "9",
        "train.test": "never",
        "train.max_seconds": "5",
        "model.match": "recurrent",
        "model.recurrent_variational": "true",
        "train.keep": "best",
        "train.log_every": "20",
        "train.validate_every": "20",
        "model.layer_sizes": "[5,4]",
        **{f"model.{place}_dropout": "0.1" for place in ("input", "between", "output", "embedding")},
        "model.weight_drop": "0.1",
        "model.drop_state": "0.1",
        "model.activation_penalty": "0.1",
        "model.temporal_penalty": "0.1",
        "train.warmup_steps": "5",
        "train.random_bptt": "true",
        "train.average_trigger": "5",
        "train.average_from": "5",
        "optimizer.weight_decay": "0.1",
        "optimizer.momentum": "0.9",
        "tracking.system_metrics": "true",
        "tracking.timeout": "5",
    }
    what_computes = {"device", "threads", "engine"}
    assert set(not_parameters(composed())) == what_computes | new.keys()
    changed = composed("device=gpu", "optimizer.lr=1", *(f"{key}={value}" for key, value in new.items()))
    assert set(not_parameters(changed)) == what_computes | {"model.hidden_size", "model.num_layers"}


def test_what_is_solved_for_does_not_define_the_result():
    assert "model.hidden_size" in defining(composed())
    solved = defining(composed("model.match_params=5000"))
    assert "model.hidden_size" not in solved
    assert "model.embed_size" in solved
    assert "model.embed_size" not in defining(composed("model.match_params=5000", "model.tie_weights=true"))
    assert "model.match" not in defining(composed("model.match=recurrent"))  # nothing is counted
    assert "model.match" in defining(composed("model.match=recurrent", "model.match_params=5000"))


def test_masks_in_time_have_a_switch_of_their_own():
    both, one = composed("model.variational=true"), "model.recurrent_variational"
    assert hashes(composed("model.variational=true", f"{one}=true")) == hashes(both)
    assert hashes(composed("model.variational=true", f"{one}=false")) != hashes(both)


def test_a_rate_of_a_place_counts_where_it_differs_from_that_of_all():
    plain = composed("model.dropout=0.3")
    for place in "input", "between", "output":
        assert hashes(composed("model.dropout=0.3", f"model.{place}_dropout=0.3")) == hashes(plain)
        assert hashes(composed("model.dropout=0.3", f"model.{place}_dropout=0.2")) != hashes(plain)


def test_sizes_of_layers_stand_in_place_of_one_size_and_a_number():
    sizes = composed("model.layer_sizes=[5,4]")
    assert hashes(sizes) != hashes(composed("model.layer_sizes=[5,5]"))
    assert hashes(sizes) == hashes(
        composed("model.layer_sizes=[5,4]", "model.hidden_size=7", "model.num_layers=1")
    )

"""Refuse impossible configs: a value outside of its key's range, or values that do not go together."""

import math
from pathlib import Path
from typing import Any

from rnnexp import tracking
from rnnexp.compute import engine
from rnnexp.data import files
from rnnexp.data.datasets import has_sequences
from rnnexp.errors import UserError
from rnnexp.experiment.config import ALWAYS, keys_of, keys_of_choice, make_chosen
from rnnexp.experiment.contracts import try_out
from rnnexp.experiment.models import layer_sizes, make_evaluators, make_model
from rnnexp.options import Key, PathTo
from rnnexp.records.digests import leaves

FORESEEN = 1000  # epochs for which a schedule is looked at ahead


def check(
    config: dict[str, Any], elsewhere: bool = False, seen: set[str] | None = None, made: bool = False
) -> None:
    """Raise UserError where a value, or a combination of them, is impossible, or would count nowhere.

    Parameters
    ----------
    elsewhere : whether another machine will compute, so that what is installed here does not count.
    seen : the models of configs that were checked before, which are not made again; this one's is added.
    made : whether there is such a run already: what counts nowhere in it can be changed no more.
    """
    check_values(config)
    try_out(config, make_chosen)
    tracking.make(config["tracking"])
    if config["tf32"] and config["device"] == "cpu":
        raise UserError("tf32=true is for device=gpu: leave one out or add the other")
    if not made:
        require_dropout_somewhere(config["model"])
        require_rates(config)
        require_time_to_average(config["train"])
        require_steps_to_compare(config)
    if has_sequences(config["dataset"]):
        require_fits_sequences(config)
    if config["train"].get("max_seconds") and config["device"] == "gpu":
        raise UserError("train.max_seconds counts the CPU's seconds: with device=gpu give train.max_steps")
    if config["engine"] or config["device"] == "gpu":
        chosen = config["engine"] or engine.fastest(config["device"]), config["device"]
        (engine.require_known if elsewhere else engine.require)(*chosen)
    of_model = repr([config["cell"], config["model"], config.get("evaluation")])
    if seen is not None and of_model in seen:
        return
    model = make_model(config, vocab_size=1)  # which says what does not go together in a model
    for name, evaluator in make_evaluators(config).items():
        evaluator.require_model(model, f"evaluation={name}")
    if seen is not None:
        seen.add(of_model)


def require_dropout_somewhere(model: dict[str, Any]) -> None:
    """Raise UserError where model.dropout is given, and a rate of its own for every place that it stands for."""
    places = ["input_dropout", "between_dropout", "output_dropout"]
    if len(layer_sizes(model)) == 1:
        places.remove("between_dropout")
    if model["dropout"] and all(model.get(place) is not None for place in places):
        given = ", ".join(f"model.{place}={model[place]}" for place in places)
        raise UserError(
            f"model.dropout={model['dropout']} counts nowhere beside {given}: leave it out, or make those null"
        )


def require_rates(config: dict[str, Any]) -> None:
    """Raise UserError where a schedule has epochs at a learning rate of 0, in which nothing would be learned."""
    schedule, lr = make_chosen("schedule", config["schedule"]), config["optimizer"]["lr"]
    if (least := config["schedule"].get("least") or 0) >= lr:
        raise UserError(f"schedule.least={least} must be below optimizer.lr={lr}, from which the rate falls")
    for epoch in range(1, min(config["train"]["max_epochs"], FORESEEN)):
        if not (lr := schedule.next_lr(lr, True, epoch)):
            raise UserError(
                f"schedule={config['schedule']['name']} has a learning rate of 0 after epoch {epoch}, and "
                f"train.max_epochs={config['train']['max_epochs']} goes on: change its keys, or train for as long"
            )


def require_time_to_average(train: dict[str, Any]) -> None:
    """Raise UserError where training ends for lack of progress before that can begin the averaging."""
    trigger, patience = train.get("average_trigger"), train.get("patience")
    if trigger and patience and patience <= trigger + 1 and train.get("average_from") is None:
        raise UserError(
            f"train.average_trigger={trigger} waits longer for a better epoch than train.patience={patience}, which "
            "ends the run: add train.patience=null"
        )


def require_steps_to_compare(config: dict[str, Any]) -> None:
    """Raise UserError where the outputs of two steps are to be compared, and a window has one."""
    penalty, train = config["model"].get("temporal_penalty"), config["train"]
    if penalty and train["bptt"] == 1 and not train.get("random_bptt"):
        raise UserError(
            f"model.temporal_penalty={penalty} compares the steps of a window, and train.bptt=1 has one: leave it out"
        )


def require_fits_sequences(config: dict[str, Any]) -> None:
    """Raise UserError where something that is for one stream of text is asked of sequences."""
    if config["train"].get("random_bptt"):
        raise UserError("train.random_bptt=true cuts a stream, and this text is sequences: leave it out")
    if config["train"].get("test") != "never":
        for name, evaluator in make_evaluators(config).items():
            evaluator.require_takes_sequences(f"evaluation={name}")


def check_files(config: dict[str, Any]) -> None:
    """Raise UserError where a file of the data set is missing or cannot be read; nothing is downloaded."""
    section = config["dataset"]
    for name, described in keys_of_choice("dataset", section["name"]).items():
        path, option = section.get(name), described.option
        if path and option.path is PathTo.FILE:
            files.require_readable(Path(path))
        for file in option.files if path else ():
            files.require_in(Path(path), file, or_download=described.default is None)


def check_values(config: dict[str, Any]) -> None:
    """Raise UserError where a value of a config is impossible."""
    keys = keys_of(config)
    for key, value in leaves(config).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{key}={value} must be a finite number")
        check_value(key, value, keys)


def check_value(key: str, value: Any, keys: dict[str, Key] = ALWAYS) -> None:
    """Raise UserError where the value of a key is impossible.

    keys : those of the config, with what it chooses; by default those that every config has.
    """
    if key in keys and (allowed := keys[key].option.allowed):
        allowed.require(key, value)

"""Jobs that share one composition have the configs and folders that Hydra composes for each by itself."""

from contextlib import contextmanager

import pytest
from hydra import compose
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from rnnexp.errors import UserError
from rnnexp.experiment import schema
from rnnexp.experiment.mistakes import in_plain_words
from rnnexp.installation import CONF
from rnnexp.sweeps import composer
from rnnexp.sweeps.composer import Composer
from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.job import ONLY
from tests.helpers.requests import make_job, open_request

schema.register()
PRESETS = {  # of a user
    "follows": "study: s${seed}\ntrain: {patience: '${train.max_epochs}'}\nschedule: {factor: '${oc.select:none,0.5}'}",
    "places": "dataset: {dir: 'texts/${seed}'}",
    "leads": "optimizer: {lr: 3.0}\ncell: {lr: {adagrad: '${optimizer.lr}'}}",
    "sweeps": "hydra: {sweeper: {params: {cell: 'lstm,gru', seed: 'range(2)'}}}",
}
# overrides, and how many compositions by Hydra their jobs take: with a + or ~, one to see what was there before
SHARED = {
    "numbers, as they are written": (["optimizer.lr=1,2.0,3e-1", "optimizer.clip_norm=null,5"], 1),
    "texts and truth values": (["study='x',y,1.10", "rerun=false", "model.tie_weights=true,false"], 1),
    "options of groups": (
        ["cell=lstm,gru", "evaluation=[exact,dlfs2]", "schedule.factor=0.5,1", "seed=7"],
        2,
    ),
    "an interpolation of what is swept": (["schedule=cosine", "train.max_epochs=2,3"], 1),
    "a preset that chooses by the cell": (["experiment=claims/grammar", "cell=lstm,gru", "seed=0,1"], 2),
    "a preset of the user's": (["experiment=follows", "seed=0,1", "train.max_epochs=2,3"], 1),
    "a sweep of a preset's": (["experiment=sweeps"], 2),
    "++ and ~": (["cell=gru", "++cell.reset=after,before", "~cell.lr.adagrad", "~without", "seed=0,1"], 2),
    "+": (["+cell.lr.adam=0.5", "optimizer=adam", "optimizer.lr=null,1"], 2),
    "data in one root": (["dataset=ptb,tinyshakespeare", "data.root=texts", "seed=0,1"], 2),
    "a folder by keys": (["hydra.run.dir='out/${study}/${cell.name}_${seed}'", "seed=0,1"], 1),
    "lists": (["model.layer_sizes=[8,9],[7]", "model.dropout=0,0.1"], 2),
    "the store's address": (["tracking.uri=sqlite:///a.db", "seed=0,1"], 1),
    "equal sizes": (["cell=lstm,gru", "seed=0,1", "sweep.match_cells=true", "model.match=recurrent"], 3),
}
ALONE = {
    "a key twice": ["model.dropout=0.1", "++model.dropout=0.2,0.3"],
    "a section and its key": ["model={dropout:0.3,hidden_size:9}", "model.dropout=0.2,0.3"],
    "a folder by the overrides": ["hydra.run.dir='out/${hydra.job.override_dirname}'", "seed=0,1"],
    "a path that follows": ["dataset=ptb", "experiment=places", "seed=0,1"],
    "~ of what follows": ["experiment=leads", "~cell.lr.adagrad", "optimizer.lr=1,2"],
    "texts with references": ["study='a${seed}','b${seed}'"],
    "sections": ["optimizer={lr:1},{lr:2}"],
}
MISTAKES = {
    "seed=0,1,x": "seed=x must be a whole number",
    "model.dropout=0,0.1,null": "model.dropout=null",
    "study=a,b,c/d": "study=c/d must be at most 200 letters",
    "train.max_epochs=1,2,2.5": "train.max_epochs=2.5 must be a whole number",
}


@pytest.fixture
def presets(tmp_path, monkeypatch):
    """An override by which Hydra finds the presets."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    for name, text in PRESETS.items():
        (tmp_path / "more" / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\n{text}\n")
    return f"hydra.searchpath=[file://{tmp_path}/more]"


@pytest.fixture
def composed(monkeypatch):
    """The overrides of each composition by Hydra."""
    found, compose = [], composer.compose

    def noted(name, overrides, **others):
        found.append(overrides)
        return compose(name, overrides, **others)

    monkeypatch.setattr(composer, "compose", noted)
    return found


@contextmanager
def by_hydra_alone():
    """Have Hydra read all of its files for each config, as it does by itself."""
    loader = GlobalHydra.instance().config_loader()
    ours, loader.repository = loader.repository, ConfigRepository(loader.get_search_path())
    yield
    loader.repository = ours


def assert_same(arguments, and_back=True):
    """Compare each job with Hydra's own, by one composer, forth and back; return how many there are."""
    with open_request(arguments) as request:
        combinations = [(name or ONLY, overrides) for name, overrides in request.combinations()]
        with by_hydra_alone():
            hydras = [make_job(*one) for one in combinations]
        for theirs in [*hydras, *reversed(hydras[:-1] if and_back else [])]:
            ours = request.composer.job(theirs.name, theirs.overrides)
            assert repr(ours.config) == repr(theirs.config), ours.name
            assert ours.folder.path == theirs.folder.path
            assert ours.overrides == theirs.overrides
    return len(combinations)


@pytest.mark.parametrize(("arguments", "compositions"), SHARED.values(), ids=SHARED)
def test_jobs_that_share_a_composition_are_as_hydra_composes_them(presets, composed, arguments, compositions):
    assert assert_same([presets, *arguments]) > 1
    assert len(composed) == compositions


@pytest.mark.parametrize("arguments", ALONE.values(), ids=ALONE)
def test_what_is_not_certain_to_be_the_same_is_composed_by_hydra(presets, composed, arguments):
    jobs = assert_same([presets, *arguments], and_back=False)
    assert len(composed) >= jobs > 1


def test_every_file_is_read_once_for_all_configs(presets, monkeypatch):
    files = SourcesRegistry.instance().resolve("file")
    read, load = [], files.load_config

    def noted(source, config_path):
        read.append((source.path, config_path))
        return load(source, config_path)

    monkeypatch.setattr(files, "load_config", noted)
    with open_request([presets, "experiment=follows", "cell=rnn,gru", "optimizer=sgd,adam"]) as request:
        assert len(request.jobs()) == 4
    assert len(set(read)) == len(read) > 10
    assert {"cell/rnn", "cell/gru", "experiment/follows"} <= {config_path for _, config_path in read}


def test_composing_does_not_change_what_has_been_read():
    with open_configs():
        overrides = ["experiment=claims/grammar", "evaluation=[exact,dlfs2]", "+cell.lr.adam=1", "~without"]
        with by_hydra_alone():
            hydras = compose("config", overrides, return_hydra_config=True)
        for _ in range(3):
            ours = compose("config", overrides, return_hydra_config=True)
            assert repr(ours) == repr(hydras)
            ours.cell.lr.adam = 2.0


def test_what_was_read_in_one_folder_is_not_taken_for_what_another_has(tmp_path):
    for folder, size in ("a", 7), ("b", 8):
        (tmp_path / folder / "model").mkdir(parents=True)
        (tmp_path / folder / "model" / "mine.yaml").write_text(f"hidden_size: {size}\n")
    with open_configs():
        found = [
            compose("config", [f"hydra.searchpath=[file://{tmp_path}/{folder}]", "model=mine"])
            for folder in "abab"
        ]
        assert [cfg.model.hidden_size for cfg in found] == [7, 8, 7, 8]
        with pytest.raises(UserError, match="mine"), in_plain_words():
            compose("config", ["model=mine"])


@pytest.mark.slow
def test_every_preset_with_several_seeds_and_rates(presets):
    for preset in sorted(path.stem for path in (CONF / "experiment").glob("*.yaml")):
        assert_same([f"experiment={preset}", "data.root=texts", "seed=0,3", "optimizer.lr=null,0.5"])


@pytest.mark.parametrize(("given", "said"), MISTAKES.items())
def test_a_mistake_in_a_job_that_shares_is_said_as_hydra_composes_it(presets, given, said):
    with open_request([given]) as request:
        *right, (name, overrides) = request.combinations()
        for one in right:
            request.composer.job(*one)
        with pytest.raises(UserError) as hydras:
            make_job(name, overrides)
        with pytest.raises(UserError) as ours:
            request.composer.job(name, overrides)
        assert str(ours.value) == str(hydras.value)
        assert str(ours.value).startswith(said)
        for one in right:
            assert request.composer.job(*one).config == make_job(*one).config


def test_each_rerun_has_a_folder_of_its_own(presets, composed):
    """By the time, of which no two jobs have the same."""
    with open_request(["rerun=true", "optimizer.lr=1,1.0"]) as request:
        paths = {job.folder.path for job in request.jobs()}
    assert len(paths) == 2
    assert len(composed) == 1
    assert len({path.name.partition("_20")[0] for path in paths}) == 1


@pytest.mark.parametrize(
    "number",
    ["0", "-0", "007", "1_000", "1e5", "-1E-3", "-2.5", "1.", ".5", "+3", "1e400", "12345678901234567890"],
)
def test_a_number_is_read_as_hydra_reads_it(number):
    with open_configs():
        given = f"model.dropout={number}"
        expected = OverridesParser.create().parse_override(given).value()
        assert repr(Composer().plain_value(given)) == repr(("model.dropout", expected))

"""A password in a command is used, and found nowhere afterwards: no file, no store, no screen."""

import base64
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import yaml

from rnnexp.records.folder import RunFolder
from tests.conftest import SMALL

PASSWORD = "S3CRETpw%40x"
FORMS = [b"S3CRET", base64.b64encode(b"me:S3CRETpw@x")]
ONE = [*SMALL, "train.max_steps=3"]


@contextmanager
def repeating_server():
    """A server that refuses everything and says back, with signs that steer a terminal, all that it was told."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            asked.append(self.headers.get("Authorization", ""))
            said = f"\x1b[2J\x1b]0;owned\x07{self.path} {dict(self.headers)}".encode()
            self.send_response(401)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PATCH = do_PUT = answer

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def assert_nowhere(place, *outcomes):
    for path in place.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(form in content for form in FORMS), path
            assert b"\x1b" not in content or path.suffix not in (".log", ".txt", ".json", ".yaml"), path
        assert "S3CRET" not in path.name
    for outcome in outcomes:
        shown = outcome.stdout + outcome.stderr
        assert not any(form.decode() in shown for form in FORMS), shown
        assert "\x1b" not in shown


def warned(outcome):
    return outcome.stderr.count("lists of processes")


def test_a_run_and_its_sync(in_process, tmp_path):
    with repeating_server() as (host, asked):
        uri = f"tracking.uri=http://me:{PASSWORD}@{host}"
        run = in_process(*ONE, uri, "hydra.run.dir=run")
        assert run.returncode == 0, run.stderr
        assert warned(run) == 1
        assert "does not take the records" in run.stdout
        assert any(FORMS[1].decode() in header for header in asked), "the password is used"
        again = in_process(*ONE, f"tracking.uri=http://me@{host}", "hydra.run.dir=run")
        assert (again.returncode, warned(again)) == (0, 0)
        assert RunFolder(tmp_path / "run").load_config()["tracking"]["uri"] == f"http://me@{host}"
        refused = in_process("sync", "run", f"uri=http://me:{PASSWORD}@{host}")
        assert (refused.returncode, warned(refused)) == (1, 1)
        compared = in_process("compare", "study=default", f"uri=http://me:{PASSWORD}@{host}")
        assert (compared.returncode, warned(compared)) == (1, 1)
        generated = in_process("generate", "run=none", f"uri=http://me:{PASSWORD}@{host}")
        assert generated.returncode == 1
    other = in_process("sync", "run", "uri=sqlite:///other.db")
    assert other.returncode == 0, other.stderr
    assert_nowhere(tmp_path, run, again, refused, compared, generated, other)


def test_a_sweep(in_process, tmp_path):
    with repeating_server() as (host, asked):
        sweep = in_process("-m", *ONE, f"tracking.uri=http://me:{PASSWORD}@{host}", "cell=gru")
        assert sweep.returncode == 0, sweep.stderr
        assert any(FORMS[1].decode() in header for header in asked)
    search = in_process(
        *("-m", *ONE, "sweep=search", f"sweep.storage=postgresql://me:{PASSWORD}@127.0.0.1:1/db"),
        *("optimizer.lr=1", "tracking=none", "study=searched"),
    )
    assert (search.returncode, search.stderr.count("\n")) == (1, 2), search.stderr
    assert warned(search) == 1
    assert "PGPASSWORD" in search.stderr
    prepared = in_process(
        "-m", *ONE, f"tracking.uri=mysql://me:{PASSWORD}@h/d", "sweep.prepare=true", "cell=rnn"
    )
    assert prepared.returncode == 0, prepared.stderr
    assert_nowhere(tmp_path, sweep, search, prepared)


@pytest.mark.parametrize(
    "given",
    [
        f"tracking.uri=http://me:{PASSWORD}@h/{{",  # not in Hydra's grammar
        f"tracking.ury=http://me:{PASSWORD}@h",
        f"cell=http://me:{PASSWORD}@h",
        f"study=http://me:{PASSWORD}@h",
        f"tracking.uri='http://me:{PASSWORD}@h",
        "tracking.uri=http://me:S3CRET@pw@h",
        "tracking.uri=http://me:S3CRET/pw@h",
        f"seed=http://h/?token={PASSWORD}",
        f"hydra.nonsense=mysql://me:{PASSWORD}@h",
    ],
)
@pytest.mark.parametrize("first", [[], ["-m"], ["sync"], ["offline"], ["compare"], ["evaluate"], ["resume"]])
def test_a_mistake_beside_a_password(in_process, tmp_path, first, given):
    outcome = in_process(*first, given)
    assert outcome.returncode == 1
    assert "Traceback" not in outcome.stderr
    assert_nowhere(tmp_path, outcome)


def test_a_password_from_the_environment_of_this_machine(in_process, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_STORE", f"mysql://me:{PASSWORD}@h/d")
    outcome = in_process(*ONE, "tracking=none", "tracking.uri=${oc.env:MY_STORE}", "hydra.run.dir=run")
    assert (outcome.returncode, warned(outcome)) == (0, 0), outcome.stderr
    assert RunFolder(tmp_path / "run").load_config()["tracking"]["uri"] == "mysql://me@h/d"
    assert_nowhere(tmp_path, outcome)


def test_sync_takes_passwords_out_of_what_an_older_program_wrote(in_process, tmp_path):
    run = tmp_path / "runs/old/run"
    assert in_process(*ONE, "tracking=none", "hydra.run.dir=runs/old/run").returncode == 0
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["tracking"] = {"name": "mlflow", "uri": f"http://me:{PASSWORD}@127.0.0.1:1/x"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    kept = {"epochs": 1, "status": "RUNNING", "ended": None}
    (run / "delivered.json").write_text(json.dumps({config["tracking"]["uri"]: kept}))
    with (run / "rnnexp.log").open("a") as log:
        log.write(
            f"tracking.uri={config['tracking']['uri']} does not take the records; 'S3CRETpw@x' is wrong\n"
        )
    (run / "traceback.txt").write_text("OperationalError: S3CRETpw@x")
    records = (run / "records.jsonl").read_bytes()
    (run.parent / "multirun.yaml").write_text(f"- tracking.uri=http://me:{PASSWORD}@127.0.0.1:1/x\n")

    outcome = in_process("sync", "runs", "uri=sqlite:///other.db")
    assert outcome.returncode == 0, outcome.stderr
    for name in "config.yaml", "delivered.json", "rnnexp.log", "traceback.txt":
        assert f"{name} held a password" in outcome.stdout
    assert "multirun.yaml holds a password, and is not changed: delete it" in outcome.stderr
    (run.parent / "multirun.yaml").unlink()
    assert json.loads((run / "delivered.json").read_text())["http://me@127.0.0.1:1/x"] == kept
    assert (run / "records.jsonl").read_bytes() == records
    again = in_process("sync", "runs", "uri=sqlite:///other.db")
    assert "held" not in again.stdout + again.stderr
    assert_nowhere(tmp_path, outcome, again)

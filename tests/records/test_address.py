"""An address is shown, kept and compared without its password, and connected to with it."""

import json
import logging
import os

import pytest

from rnnexp.errors import UserError, one_line
from rnnexp.output import PASSWORDS, Formatter, safe, visible, without_passwords
from rnnexp.records.address import Address, clean_argument, clean_arguments, clean_config

WITH_PASSWORD = [
    ("http://me:S3CRETpw@host:5000/x", "http://me@host:5000/x"),
    ("HTTPS://me:S3CRETpw@Host", "HTTPS://me@Host"),
    ("postgresql://me:S3CRETpw@host/db", "postgresql://me@host/db"),
    ("postgresql+psycopg2://me:S3CRETpw@host:5432/db?sslmode=require", None),
    ("mysql+pymysql://me:S3CRETpw@host/db", "mysql+pymysql://me@host/db"),
    ("http://me:S3CRETpw%40%2F%3A%23@host", "http://me@host"),
    ("http://me:a:S3CRETpw:b@host", "http://me@host"),
    ("http://:S3CRETpw@host", "http://@host"),
    ("http://me:S3CRETpw@[::1]:5000", "http://me@[::1]:5000"),
    ("postgresql://host/db?password=S3CRETpw", "postgresql://host/db"),
    (
        "postgresql://host/db?user=me&pass%77ord=S3CRETpw&sslmode=off",
        "postgresql://host/db?user=me&sslmode=off",
    ),
    ("http://host/?token=S3CRETpw", "http://host/"),
    ("http://host/x?api_key=S3CRETpw;a=1#f", "http://host/x?a=1#f"),
    ("http://host?API-KEY=S3CRETpw", "http://host"),
    ("sqlite+pysqlcipher://:S3CRETpw@//a.db", "sqlite+pysqlcipher://@//a.db"),
    ("sqlite:///a@b.db?password=S3CRETpw", "sqlite:///a@b.db"),
    ("http://me:S3CRETpw[,= @host", "http://me@host"),
    ("http://me:S3CRETpw'\"{}@host", "http://me@host"),
]
PLAIN = [
    *(
        "sqlite:///runs/mlflow.db",
        "sqlite:////a/b@c:d.db?mode=ro",
        "http://host:5000",
        "postgresql://me@host/db",
    ),
    *(
        "http://host/?page=1&by=name",
        "file:///x:y@z",
        "grammar",
        "a:b@c",
        "postgresql://host/db?sslkey=FILE;a=1",
    ),
]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv(PASSWORDS, "{}")


@pytest.mark.parametrize(("text", "plain"), WITH_PASSWORD)
def test_the_password_is_taken_out_and_known_to_who_connects(text, plain):
    address = Address(text)
    assert "S3CRET" not in address + repr(address) + json.dumps([address]) + clean_argument(f"uri={text}")
    assert plain is None or address == plain
    if address.kind == "http":
        assert "@" not in address.to_connect()
        if "@" in text:
            assert "S3CRET" in address.credentials()["MLFLOW_TRACKING_PASSWORD"]
    else:
        assert address.to_connect() == text
        assert address.credentials() == {}
    assert Address(str(address)) == address
    assert "S3CRET" not in without_passwords(f"no such {text}")
    assert Address(text.replace("S3CRET", "other")) == address
    cleaned = clean_config({"tracking": {"uri": text}, "list": [text]})
    assert cleaned == {"tracking": {"uri": str(address)}, "list": [str(address)]}


def test_a_password_is_given_to_a_server_as_it_is_meant():
    address = Address("http://m%65:a%40b%2Fc@host")
    assert address.credentials() == {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "a@b/c"}
    assert Address("http://you@other").credentials() == {"MLFLOW_TRACKING_USERNAME": "you"}
    assert Address("http://other").credentials() == {}


@pytest.mark.parametrize("text", PLAIN)
def test_an_address_without_a_password_stays_as_it_is(text):
    assert Address(text) == text
    assert clean_argument(f"a={text}") == f"a={text}"
    assert os.environ[PASSWORDS] == "{}"


@pytest.mark.parametrize("password", ["p@S3CRETpw", "p/S3CRETpw", "p#S3CRETpw", "p?S3CRETpw", "@:/#S3CRETpw"])
@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_what_cannot_be_told_apart_is_refused_without_being_shown(scheme, password):
    with pytest.raises(UserError, match="write %40 for it") as refused:
        clean_argument(f"tracking.uri={scheme}://me:{password}@host/x")
    assert "S3CRET" not in str(refused.value)


def test_every_address_of_an_argument_is_cleaned(capsys):
    given = [
        "uri='http://a:S3CRET1@h/x',\"mysql://b:S3CRET2@h\"",
        "-m",
        "prompt=see http://a:b@c",
        "seed=0,1",
    ]
    assert clean_arguments(given) == ["uri='http://a@h/x',\"mysql://b@h\"", *given[1:]]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "lists of processes" in said
    assert "MLFLOW_TRACKING_PASSWORD" in said
    assert clean_arguments(given[1:]) == given[1:]
    assert capsys.readouterr().err == ""
    assert clean_argument("uri=http://me:${oc.env:PW}@host") == "uri=http://me:${oc.env:PW}@host"


def test_a_password_is_found_in_any_text():
    for text, _ in WITH_PASSWORD[:-2]:
        assert "S3CRET" not in without_passwords(f"cannot open ({text}): 'no'")
    Address("http://me:S3CRET%20pw@host")
    for text in "b'S3CRET pw'", "S3CRET%20pw", "S3CRET+pw", "Authorization: Basic bWU6UzNDUkVUIHB3":
        assert "***" in without_passwords(text)
        assert "S3CRET" not in without_passwords(text)


STEERING = "\x1b[2J\x1b]0;title\x07\r\x9b31m\u202eevil\u2028line\x00\x7f\x85\udc80"


def test_nothing_that_steers_a_terminal_gets_out():
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (STEERING,), None)
    for text in safe(STEERING), Formatter("%(message)s").format(record), one_line(ValueError(STEERING)):
        assert text.isprintable(), text
    harmless = "a\tb\nc\u00a0d\u3000\u200d\U0001f600 café"
    assert safe(harmless) == harmless
    assert safe("\x1b[0m") == "\\x1b[0m"


def test_a_name_hides_nothing():
    """It has the escapes of all other text, and more."""
    signs = [chr(code) for code in (*range(0x3000), *range(0xD800, 0xE000), 0xFEFF)]
    assert all(visible(sign) == safe(sign) for sign in signs if safe(sign) != sign)
    assert {sign for sign in signs if visible(sign) != sign and safe(sign) == sign} >= set(
        "\t\n\xad\u200b\u200d\ufeff"
    )
    assert visible("a\x1b\n\u200bé") == "a\\x1b\\n\\u200bé"
    assert visible("a b\u00a0c\u3000 café") == "a b\u00a0c\u3000 café"

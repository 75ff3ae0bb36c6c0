"""The reader's settings: nothing misspelt passes, and each message says where and what to write."""

import tomllib
from pathlib import Path

import pytest

from exporters.errors import SettingsError
from exporters.gateway.settings import Settings, load

MODELS = 'models = { m = { server = "s", model = "m" } }'
GATEWAY = f'[[gateways]]\nkind = "litellm"\nurl = "http://g"\n{MODELS}\n'
SERVER = '[[servers]]\nkind = "vllm"\nurl = "http://s"\nserver = "s"\nmodel = "m"\n'


def read(folder: Path, text: str) -> Settings:
    """From a file."""
    path = folder / "gateway.toml"
    path.write_text(text)
    return load(path)


def test_few_settings_are_enough(tmp_path: Path) -> None:
    """A name and a gateway."""
    found = read(tmp_path, f'name = "gw"\n{GATEWAY}{SERVER}')
    assert (found.poll_seconds, found.page_seconds, found.service) == (15, 900, None)
    assert found.listen_address == ("127.0.0.1", 9878)


WRONG = {
    "no name": (GATEWAY, "missing required field `name`"),
    "no gateway": ('name = "gw"\ngateways = []\n', "gateways"),
    "unknown": (f'name = "gw"\npol_seconds = 3\n{GATEWAY}', "known there: name, gateways, servers"),
    "unknown in a gateway": (f'name = "gw"\n{GATEWAY}tokn_file = "x"\n', "known there: kind, url"),
    "unknown in a rule": (
        f'name = "gw"\n{GATEWAY}[[gateways.rules]]\nlabel = "x"\n',
        "known there: labels, sia, ignore",
    ),
    "unknown in a model": (
        f'name = "gw"\n{GATEWAY}'.replace("model =", "modle ="),
        "known there: server, model",
    ),
    "unknown kind": (f'name = "gw"\n{GATEWAY}'.replace("litellm", "nginx"), "Invalid enum value"),
    "no code": (f'name = "Gateway 1"\n{GATEWAY}', "name: 'Gateway 1' is not a code"),
    "no server's code": (
        f'name = "gw"\n{GATEWAY}'.replace('server = "s"', 'server = "@idle"'),
        "gateways, table 1: models, m: server: '@idle' is not a code",
    ),
    "no models": (f'name = "gw"\n{GATEWAY}'.replace(MODELS, "models = {}"), "models is empty"),
    "a person's label": (
        f'name = "gw"\n{GATEWAY}[[gateways.rules]]\nlabels = {{ user = "*" }}\nsia = "x"\n',
        "gateways, table 1: rule 1: user stands for a person",
    ),
    "neither sia nor ignore": (
        f'name = "gw"\n{GATEWAY}[[gateways.rules]]\nlabels = {{ team = "x" }}\n',
        "give either sia or ignore = true",
    ),
    "two kinds": (
        f'name = "gw"\n{GATEWAY}{GATEWAY}'.replace("litellm", "sglang", 1),
        "litellm and sglang in one reader",
    ),
    "twice": (f'name = "gw"\n{GATEWAY}{GATEWAY}', "http://g stands twice"),
    "a server twice": (f'name = "gw"\n{GATEWAY}{SERVER}{SERVER}', "http://s stands twice"),
    "no URL": (f'name = "gw"\n{GATEWAY}'.replace("http://g", "g:4000"), "table 1: url: 'g:4000'"),
    "a password in it": (
        f'name = "gw"\n{GATEWAY}'.replace("http://g", "http://a:secret@g"),
        "url: the URL holds a user",
    ),
    "no service": (f'name = "gw"\nservice = "x"\n{GATEWAY}', "service: 'x' is not a URL"),
    "no address": (f'name = "gw"\nlisten = "x"\n{GATEWAY}', "listen: 'x' is not ADDRESS:PORT"),
    "no divisor": (f'name = "gw"\npage_seconds = 7\n{GATEWAY}', "page_seconds: 7 does not divide"),
    "too often": (f'name = "gw"\npoll_seconds = 0\n{GATEWAY}', "poll_seconds"),
    "no TOML": ("name = ", "is not TOML"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
def test_what_has_no_sense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """With the file, the field and what may be written."""
    with pytest.raises(SettingsError) as error:
        read(tmp_path, text)
    assert says in str(error.value)
    assert "gateway.toml" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A reader without settings has nothing to read."""
    with pytest.raises(SettingsError, match="cannot read"):
        load(tmp_path / "none.toml")


def test_a_model_is_found_by_its_first_known_name_then_by_any(tmp_path: Path) -> None:
    """`*` is any other; without it a model that is not named is on none of our servers."""
    text = f'name = "gw"\n{GATEWAY}'
    (gateway,) = read(tmp_path, text).gateways
    assert gateway.place(("deployment", "m")) == gateway.models["m"]
    assert gateway.place(("deployment",)) is None
    any_model = MODELS.replace("{ m =", '{ "*" = { server = "t", model = "t" }, m =')
    (gateway,) = read(tmp_path, text.replace(MODELS, any_model)).gateways
    found = gateway.place(("deployment",))
    assert found is not None
    assert found.server == "t"
    assert tomllib.loads(any_model)["models"]["*"]["server"] == "t"

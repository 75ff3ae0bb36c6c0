"""`footprint-agent gateway` on the command line: check, /metrics, and errors of one line."""

import subprocess
from pathlib import Path

import pytest

from exporters import cli
from footprint.metrics import GATEWAY_METRICS
from tests.gateway.house import SECOND_US, bench, litellm, serving, settings, vllm
from tests.running import get, samples
from tests.tools import require_tool


def test_check_says_what_is_offered_and_names_no_team(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each endpoint's counters, each model with its place, how many counters have a SIA; exit code
    1 where an endpoint gives nothing."""
    config = tmp_path / "gateway.toml"
    with serving() as gateway, serving() as server:
        gateway.text = litellm({"Accueil": (1, 1, 1), "Autre": (1, 1, 1)})
        gateway.text += litellm({"Accueil": (1, 1, 1)}).replace('"large"', '"gpt\x1b-4"')
        server.text = vllm(1, 2, 3)
        config.write_text(f"""
            name = "gw"
            [[gateways]]
            kind = "litellm"
            url = "{gateway.url}"
            models = {{ large = {{ server = "albert", model = "mistral" }} }}
            rules = [{{ labels = {{ team_alias = "Accueil" }}, sia = "accueil" }}]
            [[servers]]
            kind = "vllm"
            url = "{server.url}"
            server = "albert"
            model = "mistral"
            """)
        assert cli.main(["gateway", "check", "--config", str(config)]) == 0
        server.text = ""
        assert cli.main(["gateway", "--config", str(config), "check"]) == 1
    printed = capsys.readouterr().out
    assert "9 counters of generated, prompt, requests" in printed
    assert "model 'large': albert, mistral; 3 counters of a SIA, 3 of nobody, 0 ignored" in printed
    assert "not in `models`: left out" in printed
    assert "no tokens of vllm in it" in printed
    assert "Accueil" not in printed
    assert "\x1b" not in printed


def test_its_metrics_are_clean_and_all_of_the_catalogue(tmp_path: Path) -> None:
    """promtool finds nothing to say; each metric of the catalogue is there, and no other."""
    with serving() as gateway, serving() as server:
        gateway.text, server.text = litellm({"Accueil": (1, 1, 1, 1)}), vllm(1, 1, 1)
        with bench(settings(tmp_path, gateway.url, server.url)) as run:
            run.look(0)
            gateway.text, server.text = litellm({"Accueil": (2, 21, 9, 6)}), vllm(2, 31, 9)
            run.look(15 * SECOND_US)
            gateway.down = True
            run.look(30 * SECOND_US)
            address, port = run.reader.server.server_address[:2]
            body = get(f"http://{address!s}:{port}/metrics")
            assert b"doctor" not in get(f"http://{address!s}:{port}/")
    told = samples(body.decode())
    place = 'consumer="accueil",model="mistral",server="albert"'
    assert told[f'footprint_gateway_tokens_total{{{place},type="prompt"}}'] == 20
    assert told[f'footprint_gateway_tokens_total{{{place},type="cached"}}'] == 5
    assert told[f"footprint_gateway_requests_total{{{place}}}"] == 1
    total = 'footprint_gateway_server_tokens_total{model="mistral",server="albert",type="prompt"}'
    assert told[total] == 30
    endpoint = f'endpoint="{gateway.url.removeprefix("http://")}/metrics/",kind="litellm"'
    assert told[f'footprint_gateway_up{{{endpoint},role="gateway"}}'] == 0
    assert told[f'footprint_gateway_looks_total{{{endpoint},role="gateway"}}'] == 3
    names = {line.split(" ")[2] for line in body.decode().splitlines() if line.startswith("# TYPE")}
    assert names == {metric.name for metric in GATEWAY_METRICS}
    result = subprocess.run(
        [require_tool("promtool"), "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_an_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, remedy; exit code 1."""
    assert cli.main(["gateway", "--config", str(tmp_path / "none.toml")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("footprint-agent: settings: cannot read")

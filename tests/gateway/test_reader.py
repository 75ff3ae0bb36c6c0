"""The reader: what HTTP told it, in pages, whatever happens to the gateway and to itself."""

from pathlib import Path

import pytest

from exporters.errors import AgentError
from exporters.gateway.reader import Reader
from footprint.codes import UNATTRIBUTED
from tests.gateway.house import (
    QUARTER_US,
    SECOND_US,
    START_US,
    Bench,
    bench,
    gaps,
    litellm,
    serving,
    settings,
    tokens,
    vllm,
)


def test_each_quarter_hour_has_its_own_counts(tmp_path: Path) -> None:
    """Counts from boundary to boundary, by SIA and server; who is in no rule is nobody's, and the
    gateway's own health checks are in no line."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        probe = "litellm-internal-health-check"
        gateway.text = litellm({"Accueil": (5, 500, 50, 100), "Autre": (1, 9, 9), probe: (9, 9, 9)})
        run.look(0)
        gateway.text = litellm(
            {"Accueil": (7, 800, 80, 190), "Autre": (2, 19, 10), probe: (99, 99, 99)}
        )
        run.look(QUARTER_US)
        gateway.text = litellm({"Accueil": (7, 800, 80, 190), "Tri": (1, 30, 3)})
        run.look(2 * QUARTER_US)
    first, second = run.pages()
    assert [line.consumer for line in first.lines] == [UNATTRIBUTED, "accueil"]
    accueil = first.lines[1]
    assert (accueil.server, accueil.model, accueil.requests) == ("albert", "mistral", 2)
    assert tokens([first]) == {"accueil": (300, 90, 30), UNATTRIBUTED: (10, 0, 1)}
    assert tokens([second]) == {"tri": (30, 0, 3)}
    assert first.gaps == second.gaps == []
    assert (first.origin, first.host_id) == ("litellm", "gateway-1")


def test_the_first_requests_of_a_fresh_gateway_count(tmp_path: Path) -> None:
    """Its counters by team are not there before."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({})
        run.look(0)
        gateway.text = litellm({"Accueil": (1, 20, 2)})
        run.look(QUARTER_US)
    (page,) = run.pages()
    assert (tokens([page]), page.gaps) == ({"accueil": (20, 0, 2)}, [])


def test_a_look_just_after_the_boundary_counts_as_at_it(tmp_path: Path) -> None:
    """Up to two seconds; later than that, what was counted is spread by elapsed time."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (0, 0, 0)})
        run.look(0)
        gateway.text = litellm({"Accueil": (90, 900, 9)})
        run.look(QUARTER_US + 2 * SECOND_US)
        gateway.text = litellm({"Accueil": (190, 1900, 19)})
        run.look(2 * QUARTER_US + 100 * SECOND_US)
        run.look(3 * QUARTER_US)
    assert [tokens([page]) for page in run.pages()] == [
        {"accueil": (900, 0, 9)},
        {"accueil": (900, 0, 9)},
        {"accueil": (100, 0, 1)},
    ]


def test_what_a_server_counted_itself_is_a_total(tmp_path: Path) -> None:
    """Beside the lines, of nobody; told also where nothing was asked, so that it is known to be
    nothing; under either prefix; replicas together."""
    with serving() as gateway, serving() as one, serving() as other:
        made = settings(tmp_path, gateway.url, one.url)
        replica = {"kind": "vllm", "url": other.url, "server": "albert", "model": "mistral"}
        first = {**replica, "url": one.url}
        made = settings(tmp_path, gateway.url, servers=[first, replica])
        gateway.text, one.text, other.text = litellm({}), vllm(0, 0, 0), vllm(7, 70, 7, "vllm_")
        with bench(made) as run:
            gateway.text = litellm({"Accueil": (0, 0, 0)})
            run.look(0)
            run.look(QUARTER_US)
            one.text, other.text = vllm(1, 40, 4), vllm(9, 90, 9, "vllm_")
            run.look(2 * QUARTER_US)
    quiet, busy = run.pages()
    assert [line.prompt_tokens for line in quiet.totals] == [0]
    (total,) = busy.totals
    assert (total.server, total.model, total.consumer) == ("albert", "mistral", UNATTRIBUTED)
    assert (total.requests, total.prompt_tokens, total.generated_tokens) == (3, 60, 6)
    assert busy.lines == []


def test_a_gateway_that_was_away_tells_later_what_it_counted_meanwhile(tmp_path: Path) -> None:
    """A gap while it does not answer, pages on time all the same; when it is back, its counts are
    spread over the time since it was seen last, and those pages are replaced."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (0, 0, 0)})
        run.look(0)
        run.look(450 * SECOND_US)
        gateway.down = True
        run.look(QUARTER_US)
        run.look(2 * QUARTER_US)
        before = run.pages()
        gateway.down, gateway.text = False, litellm({"Accueil": (9, 1800, 90)})
        run.look(2 * QUARTER_US + 450 * SECOND_US)
        run.look(3 * QUARTER_US)
    assert [tokens([page]) for page in before] == [{}, {}]
    assert [gaps(page) for page in before] == [
        [("unreachable", 450, 900)],
        [("unreachable", 900, 1800)],
    ]
    assert [tokens([page])["accueil"] for page in run.newest()] == [
        (450, 0, 23),
        (900, 0, 45),
        (450, 0, 22),
    ]
    assert gaps(run.newest()[2]) == [("unreachable", 1800, 2250)]
    assert sorted(page.start for page in run.pages()[2:4]) == [page.start for page in before]


def test_an_outage_over_a_restart_of_the_reader_is_one_outage(tmp_path: Path) -> None:
    """The state is on disk: what the counters still hold is counted once, by the next process."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (0, 100, 10)})
        run.look(0)
        gateway.text = litellm({"Accueil": (0, 160, 10)})
        run.look(60 * SECOND_US)
        gateway.text = litellm({"Accueil": (0, 300, 10), "Tri": (1, 5, 5)})
        run.now_us += 1740 * SECOND_US
        run.restart()
        run.look(2 * QUARTER_US)
    first, second = run.newest()
    assert tokens([first, second]) == {"accueil": (200, 0, 0), "tri": (5, 0, 5)}
    assert tokens([first])["accueil"][0] == 60 + 68  # 140 over 840 and 900 seconds
    assert gaps(first) == [("unreachable", 60, 900)]
    assert gaps(second) == [("unreachable", 900, 1800)]


def test_a_gateway_started_anew_counts_from_zero_and_says_so(tmp_path: Path) -> None:
    """What it had counted between the last look and its end is lost with it: a gap of that time."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (5, 500, 50)}, started=1.0)
        run.look(0)
        gateway.text = litellm({"Accueil": (5, 520, 50)}, started=run.now_us / 1e6 + 300)
        run.look(600 * SECOND_US)
        run.look(QUARTER_US)
    (page,) = run.pages()
    assert tokens([page]) == {"accueil": (520, 0, 50)}
    assert gaps(page) == [("restarted", 0, 600)]


ROSE = "more than any server can"
BAD = {
    "html": (200, "<html>Bad gateway</html>", "unreadable"),
    "502": (502, "oops", "unreadable"),
    "not utf-8": (200, "\udcff", "unreadable"),
    "another kind": (200, vllm(1, 2, 3), "unreadable"),
    "not a number": (200, litellm({"Accueil": (1, 2, 3)}).replace(" 2\n", " nan\n"), "unreadable"),
    ROSE: (200, litellm({"Accueil": (1, 2**52, 10)}), "unreadable"),
    "hangs up": (None, "", "unreachable"),
}


@pytest.mark.parametrize(("status", "text", "cause"), BAD.values(), ids=BAD)
def test_an_answer_that_is_no_count_is_a_gap_and_never_a_zero(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int | None,
    text: str,
    cause: str,
) -> None:
    """With its cause, one line in the log, and nothing counted twice afterwards."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (1, 100, 10)})
        run.look(0)
        body = text.encode(errors="surrogateescape")
        gateway.respond = lambda _path, _query: None if status is None else (status, body)
        run.look(300 * SECOND_US)
        gateway.respond = None
        gateway.text = litellm({"Accueil": (1, 160, 16)})
        run.look(QUARTER_US)
    (page,) = run.pages()
    assert cause in {gap.cause for gap in page.gaps}
    total = tokens([page]).get("accueil", (0, 0, 0))
    # Nothing is lost, but where the answer was taken for a count: the fall after it counts nothing.
    assert total == ((0, 0, 0) if text == BAD[ROSE][1] else (60, 0, 6))
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) in (1, 2)
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_nobody_listening_is_unreachable(tmp_path: Path) -> None:
    """From the first look on; the page says so, and has no line and no total."""
    with serving() as gateway:
        url = gateway.url
    with bench(settings(tmp_path, url, url)) as run:
        run.look(0)
        run.look(QUARTER_US)
    (page,) = run.pages()
    assert (page.lines, page.totals) == ([], [])
    assert gaps(page) == [("unreachable", 0, 900)]


def test_the_bearer_token_is_sent_and_the_folder_of_metrics_found(tmp_path: Path) -> None:
    """LiteLLM answers /metrics with a redirection to /metrics/."""
    token = tmp_path / "token"
    token.write_text("sk-1\n")
    with serving() as gateway:
        gateway.respond = lambda path, _query: (
            (200, litellm({"Accueil": (1, 1, 1)}).encode()) if path.endswith("/") else (307, b"")
        )
        table = {
            "kind": "litellm",
            "url": f"{gateway.url}/metrics",
            "token_file": str(token),
            "models": {"*": {"server": "albert", "model": "mistral"}},
        }
        with bench(settings(tmp_path, "http://x", gateways=[table])) as run:
            run.look(0)
            run.look(QUARTER_US)
    assert [path for path, _, _ in gateway.asked] == ["/metrics", "/metrics/", "/metrics/"]
    assert {sent for _, _, sent in gateway.asked} == {"Bearer sk-1"}
    assert run.pages()[0].gaps == []


def test_models_that_the_settings_do_not_name_are_in_no_line(tmp_path: Path) -> None:
    """They may run anywhere; how many tokens they had is on /metrics."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (1, 1, 1)}).replace('"large"', '"gpt-4"')
        run.look(0)
        gateway.text = litellm({"Accueil": (2, 21, 3)}).replace('"large"', '"gpt-4"')
        run.look(QUARTER_US)
        assert run.reader._counted.left_out == {"model": 22, "rule": 0}
    assert run.pages()[0].lines == []


def test_a_second_reader_on_the_same_state_is_refused(tmp_path: Path) -> None:
    """Each would count what the other counts."""
    with serving() as gateway:
        made = settings(tmp_path, gateway.url)
        with bench(made), pytest.raises(AgentError, match="another footprint-agent uses"):
            Reader(made)


def test_another_key_than_the_spools_is_refused(tmp_path: Path) -> None:
    """No counter would be found again, and all of them would count from zero."""
    with serving() as gateway:
        made = settings(tmp_path, gateway.url)
        run = Bench(made)
        run.close()
        key = tmp_path / "state" / "usage.key"
        assert key.stat().st_mode & 0o777 == 0o600
        kept = key.read_bytes()
        for wrong, says in ((b"x" * 32, "is not the key"), (b"x", "no key of 32 bytes")):
            key.write_bytes(wrong)
            with pytest.raises(AgentError, match=says):
                Bench(made)
        key.unlink()
        with pytest.raises(AgentError, match=r"cannot read .*usage\.key"):
            Bench(made)
        key.write_bytes(kept)
        Bench(made).close()


def test_sglang_names_the_sia_itself_also_after_its_counters_were_renamed(tmp_path: Path) -> None:
    """By a label of its own; an upgrade that writes `_` for `:` goes on where it was, and cached
    tokens are part of the prompt."""
    table = {
        "kind": "sglang",
        "models": {"m": {"server": "sgl", "model": "m"}},
        "rules": [{"labels": {"sia": "chat"}, "sia": "chat"}],
    }
    names = [f"sglang:{name}_total" for name in ("num_requests", "prompt_tokens", "cached_tokens")]
    text = "".join(
        f'# TYPE {name} counter\n{name}{{model_name="m",sia="chat"}} N{at}\n'
        for at, name in enumerate(names)
    )
    with serving() as gateway:
        made = settings(tmp_path, "http://x", gateways=[{**table, "url": gateway.url}])
        with bench(made) as run:
            gateway.text = text.replace("N0", "1").replace("N1", "100").replace("N2", "50")
            run.look(0)
            gateway.text = text.replace("N0", "3").replace("N1", "160").replace("N2", "80")
            gateway.text = gateway.text.replace("sglang:", "sglang_")
            run.look(QUARTER_US)
    (page,) = run.pages()
    assert (page.origin, page.gaps) == ("sglang", [])
    assert tokens([page]) == {"chat": (60, 30, 0)}
    assert page.lines[0].requests == 2


def test_a_disk_that_refuses_costs_nothing_as_long_as_the_reader_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once; what could not be written is, later, and once."""
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (0, 0, 0)})
        run.look(0)
        database = run.reader._spool._db
        database.execute("PRAGMA query_only = 1")
        gateway.text = litellm({"Accueil": (1, 100, 10)})
        run.look(QUARTER_US)
        gateway.text = litellm({"Accueil": (2, 150, 15), "Tri": (1, 1, 1)})
        run.look(2 * QUARTER_US)
        assert run.pages() == []
        database.execute("PRAGMA query_only = 0")
        run.look(3 * QUARTER_US)
        run.restart()
        gateway.text = litellm({"Accueil": (2, 160, 15), "Tri": (1, 1, 1)})
        run.look(4 * QUARTER_US)
    assert [tokens([page]) for page in run.newest()] == [
        {"accueil": (100, 0, 10)},
        {"accueil": (50, 0, 5), "tri": (1, 0, 1)},
        {},
        {"accueil": (10, 0, 0)},
    ]
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "cannot write" in errors[0].getMessage()


def test_several_workers_behind_one_address_never_count_twice(tmp_path: Path) -> None:
    """Each look may meet another process: a gap each time, and rather nothing than too much."""
    began = START_US / 1e6 - 5000
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        for look in range(7):
            worker = look % 2
            gateway.text = litellm({"Accueil": (1, 1000 + look, 10)}, began + 100 * worker)
            run.look(look * 100 * SECOND_US)
        run.look(QUARTER_US)
    (page,) = run.pages()
    assert tokens([page]).get("accueil", (0, 0, 0))[0] <= 7
    assert [gap.cause for gap in page.gaps] == ["restarted"]


def test_an_endpoint_that_is_named_later_counts_from_its_first_look(tmp_path: Path) -> None:
    """What it had counted before is not known to be of this time."""
    with serving() as gateway, serving() as server:
        gateway.text, server.text = litellm({}), vllm(9, 900, 90)
        gateway.text = litellm({"Accueil": (0, 0, 0)})
        with bench(settings(tmp_path, gateway.url)) as run:
            run.look(0)
            run.settings = settings(tmp_path, gateway.url, server.url)
            run.restart()
            run.look(300 * SECOND_US)
            server.text = vllm(10, 950, 95)
            run.look(QUARTER_US)
    (page,) = run.pages()
    assert [line.prompt_tokens for line in page.totals] == [50]


def test_the_end_of_a_page_is_never_slept_through(tmp_path: Path) -> None:
    """The next look is at the next whole poll or at the end of the page; while an endpoint fails,
    which may take ten seconds to find out, none is begun just before the end."""
    with serving() as gateway:
        made = settings(tmp_path, gateway.url, poll_seconds=7)
        with bench(made) as run:
            gateway.text = litellm({"Accueil": (0, 0, 0)})
            pauses = []
            for second in (0, 10, 890, 899):
                run.look(second * SECOND_US)
                pauses.append(run.reader._pause())
            gateway.down = True
            run.look(1789 * SECOND_US)
            pauses.append(run.reader._pause())
    whole = START_US // SECOND_US
    polls = [7 - (whole + second) % 7 for second in (0, 10, 890, 899)]
    ends = [900, 890, 10, 1]
    assert pauses == [*map(min, polls, ends), 11]

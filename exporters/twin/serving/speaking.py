"""The metric text of the simulated gateway and servers, as LiteLLM and vLLM write it.

In: what was counted. Out: Prometheus text. LiteLLM's labels are full of persons: each that it has
for one (`user`, `user_email`, `end_user`...) holds a name or an e-mail here, and so do some aliases
of keys and teams, as administrators write them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from exporters.twin.serving.counters import Key, Pair
from exporters.twin.serving.plan import CONSUMERS, MODELS

PROBER = "litellm-internal-health-check"
"""LiteLLM's name for its own probes: constants.py, LITTELM_INTERNAL_HEALTH_SERVICE_ACCOUNT_NAME."""
EVERY = 3
"""One key in so many is called after the person who has it."""
REASONS = ("stop", "length")


class Style(msgspec.Struct, frozen=True):
    """How this version writes: `prefix` of vLLM's counters, `suffix` of all; whether LiteLLM tells
    tokens that the provider's cache had (litellm_input_cached_tokens_metric), and whether vLLM does
    by source."""

    prefix: str = "vllm:"
    suffix: str = "_total"
    tells_cached: bool = True
    tells_source: bool = True


def person(consumer: int, number: int) -> tuple[str, str]:
    """Name and e-mail of one who asks."""
    who = f"{consumer}{number:02}"
    return f"Name-{who} Surname-{who}", f"name-{who}.surname-{who}@ministry.example"


def litellm(pair: Pair, style: Style) -> str:
    """The gateway's /metrics."""
    found = list(pair.consumers())
    lines = _family(
        "litellm_proxy_total_requests_metric",
        "Total number of requests made to the proxy server",
        style,
        ((_asking(key), count.requests) for key, count in found),
    )
    for name, help_, field in (
        ("litellm_input_tokens_metric", "Input tokens", "prompt"),
        ("litellm_output_tokens_metric", "Output tokens", "generated"),
        ("litellm_input_cached_tokens_metric", "Input tokens the provider had cached", "cached"),
    ):
        if field != "cached" or style.tells_cached:
            counted = ((_tokens(key), getattr(count, field)) for key, count in found)
            lines += _family(name, help_, style, counted)
    both = ((_tokens(key), count.prompt + count.generated) for key, count in found)
    lines += _family("litellm_total_tokens_metric", "Total tokens served", style, both)
    return "\n".join([*_started(pair.gateway.started_s), *lines, ""])


def vllm(pair: Pair, place: int, style: Style) -> str:
    """A server's /metrics."""
    server, name = pair.servers[place], MODELS[place].name
    totals = server.totals(pair.step)
    labels = {"engine": "0", "model_name": name}
    lines = list(_started(server.started_s))
    lines += [
        f"# HELP {style.prefix}num_requests_running Number of requests in model execution batches.",
        f"# TYPE {style.prefix}num_requests_running gauge",
        f"{style.prefix}num_requests_running{_labels(labels)} 6.0",
    ]
    prompt = totals.computed + totals.cached
    sources = ("local_compute", totals.computed), ("local_cache_hit", totals.cached)
    rows: list[tuple[str, str, Iterable[tuple[Mapping[str, str], int]]]] = [
        ("prompt_tokens", "Number of prefill tokens processed.", [(labels, prompt)]),
        (
            "generation_tokens",
            "Number of generation tokens processed.",
            [(labels, totals.generated)],
        ),
        (
            "request_success",
            "Count of successfully processed requests.",
            [
                ({**labels, "finished_reason": reason}, count)
                for reason, count in zip(REASONS, (totals.requests, 0), strict=True)
            ],
        ),
    ]
    if style.tells_source:
        by_source = [({**labels, "source": source}, count) for source, count in sources]
        rows.append(("prompt_tokens_by_source", "Number of prompt tokens by source.", by_source))
    for counter, help_, values in rows:
        lines += _family(style.prefix + counter, help_, style, values)
    return "\n".join([*lines, ""])


def _asking(key: Key) -> dict[str, str]:
    """Labels of a counter of requests: no model but the one asked for."""
    return {**_who(key), "route": "/chat/completions", "status_code": "200"}


def _tokens(key: Key) -> dict[str, str]:
    """Labels of a counter of tokens."""
    model = MODELS[key[2]]
    return {
        **_who(key),
        "model": model.name,
        "model_id": f"{key[2]}",
        "api_provider": "hosted_vllm",
    }


def _who(key: Key) -> dict[str, str]:
    consumer, number, model = key
    who = CONSUMERS[consumer]
    if who.way == "health":
        names = dict.fromkeys(("api_key_alias", "team", "team_alias"), PROBER)
        return {**names, "requested_model": MODELS[model].asked_as, "user": PROBER}
    name, mail = person(consumer, number)
    alias = f"key of {mail}" if number % EVERY == 0 else f"{who.team}-key-{number}"
    team = f"{who.team} ({person(consumer, 0)[0]})" if not who.team.endswith(who.sia) else who.team
    return {
        "api_key_alias": alias,
        "client_ip": f"192.0.2.{10 * consumer + number % 10}",
        "end_user": mail,
        "hashed_api_key": hashlib.sha256(mail.encode()).hexdigest(),
        "requested_model": MODELS[model].asked_as,
        "team": f"id-{who.team}",
        "team_alias": team,
        "user": name.lower().replace(" ", "."),
        "user_alias": name,
        "user_email": mail,
    }


def _started(seconds: float) -> tuple[str, str, str]:
    name = "process_start_time_seconds"
    return (
        f"# HELP {name} Start time of the process since unix epoch in seconds.",
        f"# TYPE {name} gauge",
        f"{name} {seconds!r}",
    )


def _family(
    name: str, help_: str, style: Style, values: Iterable[tuple[Mapping[str, str], int]]
) -> list[str]:
    return [
        f"# HELP {name}{style.suffix} {help_}",
        f"# TYPE {name}{style.suffix} counter",
        *(f"{name}{style.suffix}{_labels(labels)} {float(count)!r}" for labels, count in values),
    ]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def persons() -> Iterator[str]:
    """Every name and e-mail that the gateway's labels can hold."""
    for consumer, who in enumerate(CONSUMERS):
        for number in range(who.persons):
            yield from person(consumer, number)

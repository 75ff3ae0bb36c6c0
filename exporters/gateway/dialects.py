"""How model servers and gateways count requests and tokens in their metrics.

In: Prometheus text. Out: the counters that matter, one by one, with the labels that say of which
model and for which team or key. Labels that name a person end here: of each is kept whether it is
the same person's counter as before, by a digest under a key of the reader's own. Names are compared
without `_total`, and with `_` for `:`, because both changed between versions; where an answer shows
a counter under both names, the first one counts. Sources: LiteLLM, docs/proxy/prometheus; vLLM,
usage/metrics; SGLang, references/production_metrics; text-generation-inference, reference/metrics;
llama.cpp, tools/server/README.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from prometheus_client.parser import text_string_to_metric_families

Kind = Literal["requests", "prompt", "cached", "generated"]

MOST_BYTES = 64 << 20
"""Of one answer: some hundred thousand series with LiteLLM's labels."""
START = "process_start_time_seconds"
_NAME = re.compile(r"(# TYPE )?[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)")
MOST_COUNT = 2**53
"""Above it a double does not count by ones."""


class Dialect(msgspec.Struct, frozen=True):
    """One kind of server: what its counters are called, and the labels that name the model.

    `cached_by` is a label of a prompt counter and its values that mean "computed here": whatever
    else it says came from a cache.
    """

    counters: Mapping[str, Kind]
    model: tuple[str, ...]
    computed: tuple[str, frozenset[str]] | None = None


DIALECTS: Mapping[str, Dialect] = {
    "litellm": Dialect(
        {
            "litellm_proxy_total_requests_metric": "requests",
            "litellm_input_tokens_metric": "prompt",
            "litellm_input_cached_tokens_metric": "cached",
            "litellm_output_tokens_metric": "generated",
        },
        ("model", "requested_model"),
    ),
    "vllm": Dialect(
        {
            "vllm_request_success": "requests",
            "vllm_prompt_tokens": "prompt",
            "vllm_prompt_tokens_by_source": "cached",
            "vllm_generation_tokens": "generated",
        },
        ("model_name",),
        ("source", frozenset({"local_compute"})),
    ),
    "sglang": Dialect(
        {
            "sglang_num_requests": "requests",
            "sglang_prompt_tokens": "prompt",
            "sglang_cached_tokens": "cached",
            "sglang_generation_tokens": "generated",
        },
        ("model_name",),
    ),
    "tgi": Dialect(
        {
            "tgi_request_success": "requests",
            "tgi_request_input_length_sum": "prompt",
            "tgi_request_generated_tokens_sum": "generated",
        },
        (),
    ),
    "llamacpp": Dialect(
        {
            "llamacpp_prompt_tokens": "prompt",
            "llamacpp_tokens_predicted": "generated",
        },
        (),
    ),
}


PERSONS = frozenset(
    [
        *("user", "user_id", "user_alias", "user_email", "end_user", "email"),
        *("hashed_api_key", "client_ip"),
    ]
)
"""Labels that name a person, or stand for one."""


class Series(msgspec.Struct, frozen=True):
    """One counter: what it counts, of which model, its labels without those of a person, and a
    digest of these ("" where there is none): one person's counter is not added to another's,
    because gateways drop the counters of who was not seen for long."""

    kind: Kind
    model: str
    labels: tuple[tuple[str, str], ...]
    person: str = ""


class Scrape(msgspec.Struct, frozen=True):
    """The counters of one answer, and when the process that counts was started (None: not told)."""

    counts: Mapping[Series, int]
    started: float | None = None


class DialectError(ValueError):
    """An answer that is no metrics, or that has none of this kind of server."""


def read(text: str, name: str, key: bytes) -> Scrape:
    """The counters of an answer in one dialect; `key` (16 to 64 random bytes) is kept as long as
    the counts. Raises DialectError: what, remedy."""
    dialect = DIALECTS[name]
    counts: dict[Series, int] = {}
    shown: dict[str, str] = {}  # the one name by which each counter counts
    started = None
    lines, names = _of_interest(text, dialect)
    try:
        for sample in _samples(lines):
            if sample.name == START:
                started = sample.value
            plain = _plain(sample.name)
            kind = dialect.counters.get(plain)
            if kind is None or shown.setdefault(plain, sample.name) != sample.name:
                continue
            if _counts(dialect, kind, sample.labels):
                series = _series(dialect, kind, sample, key)
                counts[series] = counts.get(series, 0) + _whole(sample)
    except DialectError:
        raise
    except (ValueError, KeyError, IndexError):  # its message may hold a label, which is a name
        raise DialectError("no Prometheus metrics, or damaged ones") from None
    if not _tells_tokens(name, counts, names):
        expected = ", ".join(sorted(dialect.counters))
        raise DialectError(f"no tokens of {name} in it (expected: {expected}); is it another kind?")
    return Scrape(counts, started)


def _of_interest(text: str, dialect: Dialect) -> tuple[str, set[str]]:
    """The lines that count (a gateway's histograms of ten thousand keys need not be parsed), and
    every name that is declared or shown, in our form."""
    names: dict[str, bool] = {}
    lines = []
    for line in text.split("\n"):
        found = _NAME.match(line)
        if found is None:
            continue
        name = found[2]
        if name not in names:
            names[name] = name == START or _plain(name) in dialect.counters
        if names[name] and not found[1]:
            lines.append(line)
    return "\n".join([*lines, ""]), {_plain(name) for name in names}


def _tells_tokens(name: str, counts: Mapping[Series, int], names: set[str]) -> bool:
    """Whether it is this kind of server, also before its first request: a counter by team is shown
    from its first increment on, and before only declared, or not even that (several processes)."""
    if {"prompt", "generated"} & {series.kind for series in counts}:
        return True
    counters = DIALECTS[name].counters
    if any(kind in ("prompt", "generated") and one in names for one, kind in counters.items()):
        return True
    return not any(counts.values()) and any(one.startswith(f"{name}_") for one in names)


class _Sample(msgspec.Struct, frozen=True):
    name: str
    labels: Mapping[str, str]
    value: float


def _samples(text: str) -> Iterator[_Sample]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield _Sample(sample.name, sample.labels, sample.value)


def _plain(name: str) -> str:
    return name.replace(":", "_").removesuffix("_total")


def _counts(dialect: Dialect, kind: Kind, labels: Mapping[str, str]) -> bool:
    """Whether a counter by source counts what came from a cache."""
    if kind != "cached" or dialect.computed is None:
        return True
    label, computed = dialect.computed
    return labels.get(label, "") not in computed


def _series(dialect: Dialect, kind: Kind, sample: _Sample, key: bytes) -> Series:
    model = next((sample.labels[name] for name in dialect.model if sample.labels.get(name)), "")
    labels = sorted(sample.labels.items())
    of_person = [pair for pair in labels if pair[0] in PERSONS]
    digest = ""
    if of_person:
        digest = hashlib.blake2b(repr(of_person).encode(), key=key, digest_size=16).hexdigest()
    return Series(kind, model, tuple(pair for pair in labels if pair[0] not in PERSONS), digest)


def _whole(sample: _Sample) -> int:
    value = sample.value
    if not math.isfinite(value) or not 0 <= value < MOST_COUNT:
        raise DialectError(f"damaged metrics: {_plain(sample.name)} is {value}")
    return round(value)

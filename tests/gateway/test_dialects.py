"""Counters of every kind of server, as each writes them, and nothing of a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.gateway.dialects import DialectError, Scrape, read

KEY = b"k" * 16

VLLM = """
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.79080983295e+09
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="large"} 1000.0
# TYPE vllm:prompt_tokens_by_source_total counter
vllm:prompt_tokens_by_source_total{engine="0",model_name="large",source="local_compute"} 700.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="large",source="local_cache_hit"} 250.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="large",source="external_kv_transfer"} 50.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="large"} 8.26e+02
# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="large"} 3.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="large"} 1.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="large"} 0.42
"""

SGLANG = """
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name="m",sia="chat"} 8.128902e+06
sglang:prompt_tokens_total{model_name="m",sia="tri"} 12
# TYPE sglang:generation_tokens_total counter
sglang:generation_tokens_total{model_name="m",sia="chat"} 7.557572e+06
# TYPE sglang:cached_tokens_total counter
sglang:cached_tokens_total{cache_source="device",model_name="m",sia="chat"} 300
# TYPE sglang:num_requests_total counter
sglang:num_requests_total{model_name="m",sia="chat"} 9
"""

TGI = """
# TYPE tgi_request_input_length histogram
tgi_request_input_length_bucket{le="100"} 1
tgi_request_input_length_bucket{le="+Inf"} 2
tgi_request_input_length_sum 300
tgi_request_input_length_count 2
# TYPE tgi_request_generated_tokens histogram
tgi_request_generated_tokens_bucket{le="+Inf"} 2
tgi_request_generated_tokens_sum 40
tgi_request_generated_tokens_count 2
# TYPE tgi_request_success counter
tgi_request_success{method="generate"} 2
"""

LLAMACPP = """
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 140
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total 50
"""

LITELLM = """
# TYPE litellm_input_tokens_metric_total counter
litellm_input_tokens_metric_total{api_key_alias="prod",model="m",team="t1",user="a@b.fr"} 55
litellm_input_tokens_metric_total{api_key_alias="prod",model="m",team="t1",user="c@d.fr"} 45
# TYPE litellm_output_tokens_metric_total counter
litellm_output_tokens_metric_total{end_user="alice",model="m",team="t1",user_email="a@b.fr"} 7
# TYPE litellm_proxy_total_requests_metric_total counter
litellm_proxy_total_requests_metric_total{hashed_api_key="88dc",model="m",status_code="200"} 4
# TYPE litellm_input_cached_tokens_metric_total counter
litellm_input_cached_tokens_metric_total{hashed_api_key="88dc",model="m"} 31
"""


def sums(scrape: Scrape) -> dict[str, int]:
    """By kind."""
    found: dict[str, int] = {}
    for series, value in scrape.counts.items():
        found[series.kind] = found.get(series.kind, 0) + value
    return found


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("vllm", VLLM, {"prompt": 1000, "cached": 300, "generated": 826, "requests": 4}),
        (
            "sglang",
            SGLANG,
            {"prompt": 8_128_914, "generated": 7_557_572, "cached": 300, "requests": 9},
        ),
        ("tgi", TGI, {"prompt": 300, "generated": 40, "requests": 2}),
        ("llamacpp", LLAMACPP, {"prompt": 140, "generated": 50}),
        (
            "litellm",
            LITELLM,
            {"prompt": 100, "generated": 7, "requests": 4, "cached": 31},
        ),
    ],
)
def test_each_server_counts_in_its_own_words(
    name: str, text: str, expected: dict[str, int]
) -> None:
    """Requests, prompt tokens, of them cached ones, generated tokens; what is not told is absent,
    not zero."""
    assert sums(read(text, name, KEY)) == expected


def test_names_with_an_underscore_for_the_colon_are_the_same() -> None:
    """Newer versions of SGLang, and of proxies before any of them."""
    assert read(SGLANG.replace("sglang:", "sglang_"), "sglang", KEY) == read(SGLANG, "sglang", KEY)


@pytest.mark.parametrize(("old", "new"), [("sglang:", "sglang_"), ("_total{", "{")])
def test_a_counter_under_its_old_and_its_new_name_counts_once(old: str, new: str) -> None:
    """Versions between two names show both; the first one shown counts, also where the other is
    ahead by a moment."""
    both = SGLANG + SGLANG.replace(old, new).replace(" 12\n", " 13\n")
    assert read(both, "sglang", KEY) == read(SGLANG, "sglang", KEY)


def test_the_model_and_the_start_are_told() -> None:
    """By which a restart shows, and a server of several models is divided."""
    scrape = read(VLLM, "vllm", KEY)
    assert scrape.started == 1790809832.95
    assert {series.model for series in scrape.counts} == {"large"}


def test_nothing_of_a_person_is_kept() -> None:
    """Two persons are two counters, and neither can be told from what is kept; under another key
    their digests are others."""
    scrape = read(LITELLM, "litellm", KEY)
    kept = repr(scrape)
    for name in ("@", "alice", "88dc", "user"):
        assert name not in kept
    prompts = {series.person for series in scrape.counts if series.kind == "prompt"}
    assert len(prompts) == 2
    other = read(LITELLM, "litellm", b"o" * 16)
    assert not prompts & {series.person for series in other.counts}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<html>Bad gateway</html>", "no Prometheus metrics|no tokens of vllm"),
        ("", "no tokens of vllm"),
        (LLAMACPP, "is it another kind"),
        ("vllm:prompt_tokens_total NaN\n", "is nan"),
        ("vllm:prompt_tokens_total -3\n", "is -3"),
        ("vllm:prompt_tokens_total 1e300\n", "is 1e"),
        ('vllm:prompt_tokens_total{a="b 3\n', "no Prometheus metrics"),
        ('vllm:prompt_tokens_total{user="a@b.fr"} x@y\n', "no Prometheus metrics"),
    ],
)
def test_what_is_no_count_is_an_error(text: str, says: str) -> None:
    """Never a zero; and the message repeats no label."""
    with pytest.raises(DialectError, match=says) as error:
        read(text, "vllm", KEY)
    assert "@" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("litellm", "# TYPE litellm_input_tokens_metric_total counter\n"),
        ("litellm", "# TYPE litellm_redis_latency histogram\nlitellm_redis_latency_count 0\n"),
        ("sglang", "# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs 0\n"),
    ],
)
def test_a_gateway_that_was_asked_nothing_yet_has_counted_nothing(name: str, text: str) -> None:
    """Its counters by team appear with their first increment, which must not be taken for what it
    had counted before."""
    assert read(text, name, KEY).counts == {}


def test_requests_without_tokens_are_no_zero_tokens() -> None:
    """The settings of the gateway may leave them out."""
    text = "# TYPE litellm_proxy_total_requests_metric_total counter\n"
    text += 'litellm_proxy_total_requests_metric_total{team="a"} 3\n'
    with pytest.raises(DialectError, match="no tokens of litellm"):
        read(text, "litellm", KEY)


@given(
    st.text(alphabet='ab"\\,={} 1.eE+-#\n\t\u00e9@', max_size=40),
    st.sampled_from(["{", '{user="', " ", "{user=", "# TYPE vllm:prompt_tokens_total ", ""]),
)
def test_whatever_comes_is_counts_or_one_error_without_a_label(text: str, before: str) -> None:
    """No other exception, and no word of the answer in its message."""
    line = f"vllm:prompt_tokens_total{before}mail@example.fr{text}\n"
    message, counts = "", {"prompt": 1000}
    try:
        counts = sums(read(VLLM + line, "vllm", KEY))
    except DialectError as error:
        message = str(error)
    assert "mail" not in message
    assert counts["prompt"] >= 1000

"""Sums of usage, and what of a server's own counts no gateway named.

In: lines of `footprint.allocation.Usage`. Out: `Counts`, in which what one line does not tell is
unknown of the sum too, and the lines of `@unattributed`. METHOD.md, "Shared servers".
"""

from collections.abc import Iterable, Sequence

import msgspec

from footprint import codes
from footprint.allocation import Usage


class Counts(msgspec.Struct, frozen=True):
    """Requests, tokens and functional units of some lines together; None where a line does not
    tell. `tokens` are all, cached ones too; `cached_tokens` are those told apart."""

    requests: int | None
    prompt_tokens: int | None
    cached_tokens: int
    generated_tokens: int | None
    tokens: int
    units: int | None


def counted(lines: Iterable[Usage]) -> Counts:
    """The sum of `lines`; of no lines, nothing was asked: zeros."""
    found = list(lines)
    return Counts(
        requests=known_sum(one.requests for one in found),
        prompt_tokens=known_sum(one.prompt_tokens for one in found),
        cached_tokens=sum(one.cached_tokens for one in found),
        generated_tokens=known_sum(one.generated_tokens for one in found),
        tokens=sum(one.tokens for one in found),
        units=known_sum(one.units for one in found),
    )


def known_sum(numbers: Iterable[int | None]) -> int | None:
    """The sum, or None where one of `numbers` is not known."""
    whole = 0
    for number in numbers:
        if number is None:
            return None
        whole += number
    return whole


def unnamed(totals: Sequence[Usage], named: Sequence[Usage]) -> Usage | None:
    """What `totals`, a server's own counts of a model over a block, hold beyond the `named` lines
    of it: a line of `@unattributed`, or None where that is nothing.

    Each number is the difference, at least zero: a gateway may count a request in another
    quarter-hour than the server. Where one side tells prompt from generated tokens and the other
    does not, the difference of their totals is all that is known.
    """
    if not totals:
        return None
    whole, part = counted(totals), counted(named)
    requests = _beyond(whole.requests, part.requests)
    prompt = _beyond(whole.prompt_tokens, part.prompt_tokens)
    generated = _beyond(whole.generated_tokens, part.generated_tokens)
    apart = prompt is not None and generated is not None
    cached = _beyond(whole.cached_tokens, part.cached_tokens) or 0
    rest = Usage(
        start=min(one.start for one in totals),
        end=max(one.end for one in totals),
        consumer=codes.UNATTRIBUTED,
        requests=requests,
        prompt_tokens=prompt if apart else None,
        generated_tokens=generated if apart else None,
        cached_tokens=min(cached, prompt or 0) if apart else 0,
        total_tokens=None if apart else _beyond(whole.tokens, part.tokens),
        model=totals[0].model,
    )
    return rest if rest.tokens or rest.requests else None


def _beyond(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else max(0, whole - part)

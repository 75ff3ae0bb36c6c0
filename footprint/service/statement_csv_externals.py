"""The rows of a statement's CSV that tell of AI services outside the house, after shared servers'.

`# external`: service, name, provider, zone. `# external_use`: service, consumer, model, what the
provider calls it, requests, tokens (prompt, cached of them, generated, all), why there is no
estimate, notes, the supplier's own energy (uJ) and mass (ug), then least and greatest of each
measure of `# external_total`: energy (uJ), greenhouse gases (ug), primary energy (uJ), water (uL),
abiotic depletion (pg Sb), and of making the hosts gases, primary energy, depletion.
`# external_share`: measure, inside, outside (least, greatest), permille outside (least, greatest).
`# external_gap`: service, cause, duration in us. `# external_assumption`: service (empty: of all),
name, least, greatest, unit. `# external_estimator`: name; `# external_data`: file, SHA-256.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from footprint.external import MEASURES, Externals, ExternalService, ExternalUse, Range

Row = tuple[Any, ...]


def rows(found: Externals | None) -> Iterator[Row]:
    """Every row about services outside the house; none where none was used."""
    if found is None:
        return
    for service in found.services:
        yield from _service(service)
    yield ("# external_total", *_ends(found.modelled))
    for one in found.dependence:
        outside = (one.outside.low, one.outside.high) if one.outside else (None, None)
        yield ("# external_share", one.measure, one.inside, *outside, one.low, one.high)
    yield ("# external_estimator", found.estimator)
    for name, sha256 in found.data.items():
        yield ("# external_data", name, sha256)
    for own in found.assumptions:
        yield ("# external_assumption", "", own.name, own.low, own.high, own.unit)


def _service(service: ExternalService) -> Iterator[Row]:
    yield ("# external", service.code, service.name, service.provider, service.zone)
    for use in service.uses:
        yield ("# external_use", service.code, *_use(use))
    for cause, duration_us in service.gaps_us.items():
        yield ("# external_gap", service.code, cause, duration_us)
    for own in service.assumptions:
        yield ("# external_assumption", service.code, own.name, own.low, own.high, own.unit)


def _use(use: ExternalUse) -> Row:
    counts = use.counts
    return (
        use.consumer,
        use.model,
        use.model_name,
        counts.requests,
        counts.prompt_tokens,
        counts.cached_tokens,
        counts.generated_tokens,
        counts.tokens,
        use.reason,
        " ".join(use.notes),
        use.declared_uj,
        use.declared_ug,
        *_ends(use.modelled),
    )


def _ends(modelled: Mapping[str, Range] | None) -> Iterator[int | None]:
    for measure in MEASURES:
        found = modelled.get(measure) if modelled else None
        yield found.low if found else None
        yield found.high if found else None

"""Services outside the house to render: known use, use without an estimate, and no estimator."""

import msgspec

from footprint import external
from footprint.counts import Counts
from footprint.external import Asked, Externals, ExternalService, ExternalUse, Range, Request
from footprint.figures import Named
from footprint.service import ecologits_model

_ESTIMATOR = ecologits_model.load()
assert _ESTIMATOR is not None, "the tests' own requirements have EcoLogits"
_MODELS = {"gpt-4o": "openai", "claude-haiku-4-5": "anthropic"}


def externals(named: Named) -> Externals:
    """A month of two providers."""
    openai = [
        _use(
            named, "albert-chat", "gpt-4o", Counts(812, 990_000, 12_000, 240_000, 1_230_000, None)
        ),
        _use(named, "tri-courriels", "gpt-4o", Counts(40, None, 0, None, 88_000, None)),
        _use(named, "essai-ocr", "gpt-999", Counts(3, 1000, 0, 200, 1200, None)),
    ]
    declared = _use(
        named, "albert-chat", "claude-haiku-4-5", Counts(100, 70_000, 0, 31_000, 101_000, None)
    )
    declared = msgspec.structs.replace(declared, declared_uj=1_044_000_000, declared_ug=17_000_000)
    anthropic = [
        declared,
        _use(named, "@unattributed", "claude-haiku-4-5", Counts(1, 10, 0, 1, 11, None)),
    ]
    services = [
        ExternalService(
            "api-anthropic", "Anthropic, par son API", "anthropic", None, [], anthropic, {}
        ),
        ExternalService(
            "api-openai", "OpenAI <b>", "openai", "FRA", [], openai, {"no_page": 10**9}
        ),
    ]
    assert _ESTIMATOR is not None
    services = [
        msgspec.structs.replace(one, assumptions=_ESTIMATOR.of_provider(one.provider, one.zone))
        for one in services
    ]
    uses = [use for one in services for use in one.uses]
    modelled = external.total(use.modelled for use in uses if use.modelled)
    return Externals(
        services=services,
        modelled=modelled,
        without=1,
        dependence=[
            external.dependence(
                "energy_uj", 9_000_000_000_000, modelled["energy_uj"], complete=False
            ),
            external.dependence(
                "emissions_ug", 125_000_000, modelled["emissions_ug"], complete=True
            ),
            external.dependence(
                "generated_tokens", 500_000, Range(271_201, 359_201), complete=True
            ),
        ],
        estimator=_ESTIMATOR.name,
        data=_ESTIMATOR.data,
        assumptions=_ESTIMATOR.assumptions,
    )


def without_estimator(named: Named) -> Externals:
    """The same where the extra is absent: counts alone."""
    whole = externals(named)
    services = [
        msgspec.structs.replace(
            one,
            assumptions=[],
            uses=[
                msgspec.structs.replace(use, modelled=None, reason="not_installed", notes=[])
                for use in one.uses
            ],
        )
        for one in whole.services
    ]
    unknown = [
        one
        if one.measure == "generated_tokens"
        else msgspec.structs.replace(one, outside=None, low=None, high=None)
        for one in whole.dependence
    ]
    return msgspec.structs.replace(
        whole,
        services=services,
        modelled=external.total(()),
        without=5,
        dependence=unknown,
        estimator=None,
        data={},
        assumptions=[],
    )


def _use(named: Named, consumer: str, model: str, counts: Counts) -> ExternalUse:
    kind, name, registered = named.of(consumer)
    assert _ESTIMATOR is not None
    asked = Asked(_MODELS.get(model, "openai"), model, None, counts)
    told = external.estimate(_ESTIMATOR, asked)
    return ExternalUse(
        consumer=consumer,
        kind=kind,
        name=name,
        registered=registered,
        model=model,
        model_name=model,
        counts=counts,
        modelled=external.rounded(told.causes) if isinstance(told, Request) else None,
        reason=None if isinstance(told, Request) else told,
        notes=sorted(told.warnings) if isinstance(told, Request) else [],
        declared_uj=None,
        declared_ug=None,
    )

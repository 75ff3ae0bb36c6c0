"""Claims that whoever signs in at the provider must have."""

from pathlib import Path

import httpx
import pytest

from footprint.service import settings
from footprint.service.errors import SettingError
from tests.service.test_oidc import arrive, provided, reasons


@pytest.mark.parametrize("userinfo", ["signed", "json"])
@pytest.mark.parametrize(
    ("required", "status"),
    [
        ({"siret": ("11000601200010",)}, 303),
        ({"siret": ("1", "11000601200010")}, 303),
        ({"siret": ("1",)}, 401),
        ({"siret": ("11000601200010",), "belonging": ("x",)}, 401),
    ],
)
def test_a_claim_that_is_asked_for_is_had(
    tmp_path: Path, userinfo: str, required: dict[str, tuple[str, ...]], status: int
) -> None:
    """The ministry's own SIRET, as ProConnect tells it; whoever has another gets no account."""
    with (
        provided(tmp_path, required, userinfo=userinfo) as (house, _),
        httpx.Client() as browser,
    ):
        assert browser.get(arrive(house, browser)).status_code == status
        told = [one for one in reasons(house) if one.startswith("claim ")]
        assert bool(told) == (status == 401)
        assert bool(house.content()["account"]) == (status == 303)


def test_a_claim_is_named_with_its_value() -> None:
    """Else the service does not start."""
    assert settings.parse_required(["siret=1", "siret=2", "a=b=c"]) == {
        "siret": ("1", "2"),
        "a": ("b=c",),
    }
    for text in ("siret", "=1", "siret="):
        with pytest.raises(SettingError, match="--oidc-require"):
            settings.parse_required([text])

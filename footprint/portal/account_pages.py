"""The pages of signing in, and of who is signed in.

In: what is known of them, and a language. Out: whole pages.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from footprint.portal.languages import LANGUAGES
from footprint.portal.render import page
from footprint.portal.words_roles import ROLES


class AccountPage(msgspec.Struct, frozen=True):
    """Who is there (`kind`, `id`, `label`), their roles by name, their projects' names by code, and
    the present month."""

    kind: str
    id: str
    label: str
    roles: Sequence[str]
    projects: Mapping[str, str]
    month: str


def sign_in_html(to: str, lang: str, *, provider: bool, failed: bool) -> str:
    """The page that asks who is there, and leads on to `to`; `provider`: there is one to sign in
    at; `failed`: what was told before was wrong."""
    return page(
        "sign_in.html",
        lang,
        to=to,
        provider_address=f"/sign-in/provider?{urlencode({'to': to})}" if provider else None,
        action=f"?{urlencode({'lang': lang})}",
        failed=failed,
        addresses={code: f"?{urlencode({'to': to, 'lang': code})}" for code in LANGUAGES},
    )


def signed_out_html(provider_address: str, lang: str) -> str:
    """The page after signing out here, which leads on to sign out at the provider."""
    return page(
        "signed_out.html",
        lang,
        provider_address=provider_address,
        addresses={code: f"?{urlencode({'lang': code})}" for code in LANGUAGES},
    )


def account_html(account: AccountPage, lang: str) -> str:
    """The page of who is signed in."""
    asked = {"format": "html", "lang": lang}
    return page(
        "account.html",
        lang,
        account=account,
        meanings=ROLES,
        statements={
            code: f"/v1/statements/{account.month}?{urlencode({'project': code, **asked})}"
            for code in account.projects
        },
        addresses={code: f"?{urlencode({'lang': code})}" for code in LANGUAGES},
    )

"""Who may do what: the roles, and one table of what each may ask of every route.

In: a method and a route's path. Out: `Who` may ask. A route that the table lacks is refused to
everybody, and the service does not start with one. A project's owner sees of a route only what is
their projects' (`scopes`).
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute


class Role(StrEnum):
    """What somebody is to the ministry's meter; rights are given here, no provider gives them."""

    READER = "reader"
    OWNER = "owner"
    OFFICER = "officer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    METER = "meter"


GIVEN = tuple(role for role in Role if role is not Role.METER)
"""The roles of accounts and of programs' tokens; a meter's comes with its host's token."""

MEANINGS = {
    Role.READER: "reads every figure, the register and the hosts",
    Role.OWNER: "reads what is their projects'; changes their budgets",
    Role.OFFICER: "reads what a reader reads; changes the register, the sites and the budgets, "
    "closes and publishes months",
    Role.ADMINISTRATOR: "reads what a reader reads, the accounts and the audit log; changes the "
    "register and who may what, closes and publishes months",
    Role.AUDITOR: "reads everything, the accounts and the audit log too; changes nothing",
    Role.METER: "sends the pages of its host, and reads which of them are held",
}


class Rights(msgspec.Struct, frozen=True):
    """The roles of one caller; of an owner, the codes of their projects."""

    roles: frozenset[Role] = frozenset()
    projects: frozenset[str] = frozenset()

    @property
    def own(self) -> frozenset[str] | None:
        """The projects that this caller's reading is held to, None where to none."""
        return None if self.roles & READERS else self.projects


class Who(msgspec.Struct, frozen=True):
    """Who may ask for a route: everybody, or who has one of `roles`. `unasked`: nobody is asked who
    they are, so that it answers without the database."""

    roles: frozenset[Role] = frozenset()
    everybody: bool = False
    unasked: bool = False

    def admits(self, rights: Rights) -> bool:
        """Whether a caller with these rights may ask."""
        return self.everybody or bool(self.roles & rights.roles)


READERS = frozenset({Role.READER, Role.OFFICER, Role.ADMINISTRATOR, Role.AUDITOR})
"""Who reads all figures."""

_EVERYBODY = Who(everybody=True)
_UNASKED = Who(everybody=True, unasked=True)
_METERS = Who(frozenset({Role.METER}))
_READERS = Who(READERS)
_HEADS = Who(READERS | {Role.METER})
_SIGNED_IN = Who(READERS | {Role.OWNER})
_KEEPERS = Who(frozenset({Role.OFFICER, Role.ADMINISTRATOR}))
_ADMINISTRATORS = Who(frozenset({Role.ADMINISTRATOR}))
_OVERSEERS = Who(frozenset({Role.ADMINISTRATOR, Role.AUDITOR}))

_OWNED = ("directorates", "projects", "sia")
_REGISTER = (*_OWNED, "servers", "sites", "hardware", "externals")


def _of_register() -> Iterable[tuple[tuple[str, str], Who]]:
    for name in _REGISTER:
        reading = _SIGNED_IN if name in _OWNED else _READERS
        yield ("GET", f"/v1/{name}"), reading
        yield ("GET", f"/v1/{name}/{{code}}"), reading
        yield ("GET", f"/v1/{name}/{{code}}/history"), reading
        yield ("PUT", f"/v1/{name}/{{code}}"), _KEEPERS


def _of_ledgers() -> Iterable[tuple[tuple[str, str], Who]]:
    for prefix in ("/v1/ledgers", "/v1/usage/ledgers"):
        yield ("GET", prefix), _READERS
        yield ("GET", f"{prefix}/{{host_id}}"), _HEADS
        yield ("GET", f"{prefix}/{{host_id}}/{{ledger_id}}"), _HEADS
        yield ("GET", f"{prefix}/{{host_id}}/{{ledger_id}}/pages/{{seq}}"), _HEADS


POLICY: dict[tuple[str, str], Who] = {
    ("POST", "/v1/pages"): _METERS,
    ("POST", "/v1/usage"): _METERS,
    **dict(_of_ledgers()),
    ("POST", "/v1/enrolments"): _EVERYBODY,  # the code is the right
    ("POST", "/v1/tokens/rotate"): _METERS,
    ("GET", "/v1/tokens/mine"): _METERS,
    **dict(_of_register()),
    ("GET", "/v1/budgets"): _SIGNED_IN,
    ("POST", "/v1/budgets"): Who(_KEEPERS.roles | {Role.OWNER}),
    ("GET", "/v1/budgets/{code}"): _SIGNED_IN,
    ("GET", "/v1/budgets/{code}/history"): _SIGNED_IN,
    ("GET", "/v1/budgets/{code}/burn-up"): _SIGNED_IN,
    ("PUT", "/v1/budgets/{code}"): Who(_KEEPERS.roles | {Role.OWNER}),
    ("GET", "/v1/alerts"): _SIGNED_IN,
    ("GET", "/v1/factors"): _SIGNED_IN,
    ("GET", "/v1/grid/{day}"): _SIGNED_IN,
    ("GET", "/v1/statements/{month}"): _SIGNED_IN,
    ("GET", "/v1/closings"): _READERS,
    ("GET", "/v1/closings/{month}"): _READERS,
    ("GET", "/v1/closings/{month}/preview"): _READERS,
    ("PUT", "/v1/closings/{month}"): _KEEPERS,
    ("GET", "/v1/publications"): _EVERYBODY,
    ("GET", "/v1/publications/{month}"): _EVERYBODY,
    ("PUT", "/v1/publications/{month}"): _KEEPERS,
    ("GET", "/v1/trend"): _SIGNED_IN,
    ("GET", "/v1/overview"): _READERS,
    ("GET", "/v1/months/{month}"): _READERS,
    ("GET", "/v1/hosts"): _READERS,
    ("GET", "/v1/servers/{code}/efficiency"): _READERS,
    ("GET", "/metrics"): _READERS,
    ("GET", "/v1/me"): _EVERYBODY,
    ("GET", "/v1/accounts"): _OVERSEERS,
    ("GET", "/v1/accounts/{account_id}"): _OVERSEERS,
    ("PUT", "/v1/accounts/{account_id}"): _ADMINISTRATORS,
    ("GET", "/v1/audit"): _OVERSEERS,
    ("GET", "/livez"): _UNASKED,
    ("GET", "/readyz"): _UNASKED,
    ("GET", "/version"): _UNASKED,
    ("GET", "/method"): _UNASKED,
    ("GET", "/"): _SIGNED_IN,
    ("GET", "/sign-in"): _EVERYBODY,
    ("POST", "/sign-in"): _EVERYBODY,
    ("POST", "/sign-out"): _EVERYBODY,
    ("GET", "/sign-out/provider"): _EVERYBODY,
    ("GET", "/sign-in/provider"): _EVERYBODY,
    ("GET", "/sign-in/callback"): _EVERYBODY,
    ("GET", "/account"): _EVERYBODY,
}
"""Every route, and who may ask for it."""


def who_may(method: str, path: str) -> Who:
    """Who may ask for the route of this path; nobody where the table lacks it."""
    return POLICY.get((method, path), Who())


def check(found: Iterable[BaseRoute]) -> None:
    """Raise RuntimeError where the table and the routes of an application's routers differ. A
    route that is none of the API's would ask nobody who they are: no rule can be had for it."""
    routes = set()
    for route in found:
        methods = route.methods if isinstance(route, APIRoute) else {"*"}
        routes |= {(method, getattr(route, "path", repr(route))) for method in methods or ()}
    if routes != POLICY.keys():
        raise RuntimeError(
            f"roles.POLICY: without a rule: {sorted(routes - POLICY.keys())}; "
            f"without a route: {sorted(POLICY.keys() - routes)}"
        )

"""What passes between the pages of signing in and a provider of OpenID Connect (`oidc`, an extra).

In: nothing. Out: the structs of both, and what they refuse with.
"""

import msgspec


class SignInError(Exception):
    """A sign-in that is refused; `reason` is for the log: the browser learns that it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Begun(msgspec.Struct, frozen=True):
    """What a browser keeps between leaving for the provider and coming back: state, nonce, PKCE's
    verifier, and where it wanted to go."""

    state: str
    nonce: str
    verifier: str
    to: str


class Vouched(msgspec.Struct, frozen=True):
    """Whom a provider vouches for: `subject` is theirs for good with that issuer; `label` is what
    it calls them, for whoever gives rights; `token` is what it is to be shown at signing out."""

    issuer: str
    subject: str
    label: str
    token: str

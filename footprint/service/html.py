"""How HTML leaves the service: its language, and headers that let nothing else in."""

from fastapi import Request, Response

from footprint.portal.languages import choose_language
from footprint.portal.render import CONTENT_SECURITY_POLICY

# With no-referrer browsers would send `Origin: null` with our own forms (Fetch, 3.2).
NO_SNIFF = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


def language(request: Request, asked: str | None) -> str:
    """`?lang=` where it is one of ours, else the browser's, else French."""
    return choose_language(asked, request.headers.get("accept-language"))


def page(content: bytes, lang: str) -> Response:
    """An HTML page in `lang`."""
    return Response(
        content,
        media_type="text/html; charset=utf-8",
        headers={
            **NO_SNIFF,
            "Content-Language": lang,
            "Vary": "Accept-Language",
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Cache-Control": "no-cache",
        },
    )


def file(content: bytes, lang: str) -> Response:
    """The same to be kept: a browser saves it, so that its style is no exception to the policy."""
    response = page(content, lang)
    response.headers["Content-Disposition"] = "attachment"
    return response

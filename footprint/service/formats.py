"""A statement in each of its formats, all from the same struct."""

from typing import Literal

import msgspec

from footprint import json_text
from footprint.service.statement_csv import statement_csv
from footprint.statement import Statement

Format = Literal["json", "csv", "html"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


def render(statement: Statement, form: Format, lang: str, *, alone: bool = False) -> bytes:
    """The statement in a format. `lang` ("fr", "en") matters to HTML only, as does `alone`: one
    file that needs no service to be read.
    """
    if form == "csv":
        return statement_csv(statement).encode()
    if form == "html":
        # The templates are slow to load: JSON and CSV do without.
        from footprint.portal.render import statement_html  # noqa: PLC0415

        return statement_html(statement, lang, alone=alone).encode()
    return msgspec.json.format(json_text.encode(statement), indent=2) + b"\n"

"""Keeps the catalogues in step with the pages: `python -m footprint.portal.catalogues`.

In: the messages in this room's templates and modules. Out: locale/fr.po and locale/en.po with every
message, none obsolete. English is filled in from the source, which is English; a new French
message is left empty for a person to write, and a test fails until it is there.
"""

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from footprint.portal.languages import LANGUAGES, catalogue_path, read_catalogue

_HERE = Path(__file__).parent
_SOURCES = [("**/templates/**.*", "jinja2"), ("**.py", "python")]
_JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None}
_HEADER = "# Words of footprint's pages. Made in step by `make catalogues`."


def extracted() -> Catalog:
    """Every message of the room, with the files it stands in."""
    catalogue = Catalog(domain="footprint", project="footprint", header_comment=_HEADER)
    found = extract_from_dir(
        _HERE,
        method_map=_SOURCES,
        options_map={"**/templates/**.*": _JINJA},
        keywords=_KEYWORDS,
    )
    for file, _, message, comments, context in found:
        catalogue.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return catalogue


def updated(lang: str, template: Catalog) -> Catalog:
    """The catalogue of `lang` with exactly the messages of `template`."""
    path = catalogue_path(lang)
    catalogue = read_catalogue(lang) if path.exists() else Catalog(locale=lang, domain="footprint")
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.header_comment = _HEADER
    if lang == "en":
        for message in catalogue:
            message.string = message.id if message.id else message.string
    return catalogue


def as_bytes(catalogue: Catalog) -> bytes:
    """The catalogue as it is committed: no dates, no line numbers, long lines kept whole."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, sort_output=True, omit_header=True, include_lineno=False)
    head = (
        f'{_HEADER}\nmsgid ""\nmsgstr ""\n'
        f'"Language: {catalogue.locale}\\n"\n'
        '"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Content-Transfer-Encoding: 8bit\\n"\n"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    )
    return head.encode() + buffer.getvalue()


def main() -> int:
    """Write each catalogue; name the messages that still lack words."""
    template = extracted()
    lacking = 0
    for lang in LANGUAGES:
        catalogue = updated(lang, template)
        catalogue_path(lang).write_bytes(as_bytes(catalogue))
        for message in catalogue:
            if message.id and not message.string:
                lacking += 1
                sys.stderr.write(f"{lang}: no words yet for {message.id!r}\n")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())

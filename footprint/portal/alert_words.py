"""An alert in words: the subject and the text of a mail.

In: what is told, a language. Out: plain text.
"""

from footprint.alert import Told
from footprint.portal.render import page


def alert_text(told: Told, lang: str) -> tuple[str, str]:
    """Subject and text in `lang` ("fr" or "en"; ValueError for another)."""
    subject, _, text = page("alert.txt", lang, told=told).strip().partition("\n")
    return subject, text.strip() + "\n"

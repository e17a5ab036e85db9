"""Words that others chose, made harmless where people read them: a terminal, a log, Markdown in the UI.

An order's number, a SKU or a vendor's reason can hold escape sequences, line ends that forge a line of a
log, letters that turn the writing direction, or markup. They are shown for what they are, and never obeyed.
"""

import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*\[\]!|~])")


def visible(text: str, keep: str = "\n\t") -> str:
    """The text with control, format and unpaired characters written out by their codes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or not _is_hidden(char) else _written(char) for char in text)


def one_line(text: str) -> str:
    """As `visible`, with line ends written out too."""
    return visible(text, keep="")


def markdown(text: str) -> str:
    """One line of Markdown that shows exactly these words: no link, no image, no HTML."""
    plain = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", plain)


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _written(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")

"""Takes secrets out of words that a vendor, a library or an operating system put together.

A vendor's error answer can repeat the header that it was sent, and a library's error the address with its
query. So what leaves a connector as an error or as a reason goes through here first.
"""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "[secret]"
SHORTEST = 6
"""Shorter values are not looked for: they are no secrets, and they would tear ordinary words apart."""


def _address(text: str) -> str:
    return quote(text, safe="")


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS = (_address, quote_plus, _json, _base64)


class Redactor:
    """Knows values that nobody may read, and the forms in which they travel."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: dict[str, None] = {}
        for value in values:
            self.learn(value)

    def learn(self, value: str) -> None:
        """Hide this value too from now on: as it is, in addresses, JSON and base64, and in two of these."""
        if len(value) < SHORTEST or value in self._forms:
            return
        once = [encode(value) for encode in ENCODINGS]
        forms = {value, *once, *(encode(form) for form in once for encode in ENCODINGS)}
        # Longest first, so that no shorter form leaves a longer one's end behind.
        known = sorted({*self._forms, *forms}, key=len, reverse=True)
        self._forms = dict.fromkeys(known)

    def learn_header(self, value: str) -> None:
        """Hide a header's value, and what stands behind its scheme."""
        self.learn(value)
        self.learn(value.partition(" ")[2])

    def clean(self, text: str) -> str:
        """The text with every known value replaced."""
        for form in tuple(self._forms):
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def clean_bytes(self, body: bytes) -> bytes:
        """The same for a body."""
        for form in tuple(self._forms):
            if (raw := form.encode()) in body:
                body = body.replace(raw, HIDDEN.encode())
        return body

    def clean_error(self, error: BaseException) -> None:
        """Clean an error's words in place, and those of every error behind it."""
        seen: set[int] = set()
        waiting: list[BaseException | None] = [error]
        while waiting:
            one = waiting.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            one.args = tuple(self.clean(part) if isinstance(part, str) else part for part in one.args)
            waiting += [one.__cause__, one.__context__]

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

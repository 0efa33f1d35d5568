"""Keeps a key out of what a server says, however the server spells it."""

import base64
import html
import re
from urllib.parse import quote, unquote

GRAM = 8  # characters of a key in a row that give it away
SHOWN = "[key]"
LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}  # keeps every position
ESCAPE = re.compile(r"\\{1,8}(?:u00|x)([0-9a-fA-F]{2})")
PLAIN_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:u00([2-7][0-9a-fA-F])|(/))")
MASKED = re.compile(r"[^\s\"'`(<]{0,99}(?:\*{2,}|\.{3,}|…)[^\s\"'`)>]{0,99}")


class Redactor:
    """Replaces a key, a part of it or another spelling of it by "[key]".

    Args:
        secret: the key; "" replaces nothing.
    """

    def __init__(self, secret: str):
        self._secret = secret
        forms = [form.translate(LOWER) for form in _spellings(secret)]
        self._grams = {form[i:i + GRAM] for form in forms for i in range(len(form) - GRAM + 1)}

    def __call__(self, text: str) -> str:
        """Return a text without the key; JSON stays JSON where the key is spelt in escapes."""
        if not self._secret:
            return text
        cleaned = self._replaced(PLAIN_ESCAPE.sub(_unescaped, text))
        bare = _decoded(cleaned)
        return cleaned if self._replaced(bare) == bare else self._replaced(_decoded(text))

    def _replaced(self, text: str) -> str:
        if len(self._secret) < GRAM:
            return re.sub(rf"(?<!\w){re.escape(self._secret)}(?!\w)", SHOWN, text)
        low, pieces, start, i = text.translate(LOWER), [], 0, 0
        while i <= len(low) - GRAM:
            if low[i:i + GRAM] not in self._grams:
                i += 1
                continue
            pieces += [text[start:i], SHOWN]
            while low[i:i + GRAM] in self._grams:
                i += 1
            start = i = i + GRAM - 1
        return MASKED.sub(self._unmasked, "".join([*pieces, text[start:]]))

    def _unmasked(self, found: re.Match[str]) -> str:
        """Take out "sk-ab***xyz", the way servers shorten keys."""
        ends = [part for part in re.split(r"\*+|\.{3,}|…", found[0]) if len(part) >= 3]
        mine = any(self._secret.startswith(part) or self._secret.endswith(part.rstrip(".,;:"))
                   for part in ends)
        return SHOWN if mine else found[0]


def _spellings(secret: str) -> list[str]:
    """Return the key as it is, in URLs, in hexadecimal, and in base64 at each alignment."""
    data = secret.encode()
    forms = [secret, quote(secret, safe=""), data.hex()]
    for shift in range(3):
        inner = base64.b64encode(b"\0" * shift + data)[4 * (shift > 0):].decode().rstrip("=")
        forms += [inner, inner.replace("+", "-").replace("/", "_")]
    return forms


def _unescaped(found: re.Match[str]) -> str:
    character = found[3] or chr(int(found[2], 16))
    return found[0] if character in '"\\\x7f' else found[1] + character


def _decoded(text: str) -> str:
    """Return a text with every escape of an ASCII character undone, also twice escaped ones."""
    for _ in range(3):
        text = html.unescape(unquote(ESCAPE.sub(lambda m: chr(int(m[1], 16)), text)))
    return text

"""A tokenizer of letters with a template of the test's own: nothing is hidden in a library."""

import re
from collections.abc import Callable, Sequence

from surefoot.records import Message

SPECIALS = ("<s>", "<end>", "<stop>")
Template = Callable[[Sequence[Message], bool], str]


def plain(messages: Sequence[Message], generate: bool) -> str:
    said = "".join(f"<s>{m.role}:{m.content}<end>\n" for m in messages)
    return said + ("<s>assistant:" if generate else "")


class Letters:
    """One token a character; special tokens are 0, 1 and 2; `stop` holds two of them."""

    def __init__(self, template: Template = plain) -> None:
        self.stop = (1, 2)
        self._template = template

    def encode(self, text: str, *, special: bool) -> list[int]:
        if not special:
            return [10 + ord(letter) for letter in text]
        parts = re.split(f"({'|'.join(SPECIALS)})", text)
        return [
            token
            for part in parts
            for token in (
                [SPECIALS.index(part)] if part in SPECIALS else self.encode(part, special=False)
            )
        ]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(chr(token - 10) for token in tokens if token >= 10)

    def spelled(self, tokens: Sequence[int]) -> str:
        """The tokens with special ones in words."""
        return "".join(SPECIALS[t] if t < 10 else chr(t - 10) for t in tokens)

    def special_texts(self) -> frozenset[str]:
        return frozenset(SPECIALS)

    def template(self, messages: Sequence[Message], *, generate: bool) -> str:
        return self._template(messages, generate)

"""The tokenizer and chat template of a Hugging Face policy directory, behind `joints.Tokenizer`.

Not a second tokenizer: everything is asked of `transformers`. The invariant: `encode` with
`special=False` never yields a special token, so no text from outside can forge a message's end.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from surefoot.records import Message
from surefoot.records.errors import PolicyError


class HuggingFaceTokenizer:
    """Loads `directory`'s own tokenizer.

    Raises:
        PolicyError: the directory has no tokenizer, no chat template, or no end-of-message token.
    """

    def __init__(self, directory: Path) -> None:
        from transformers import AutoTokenizer

        if not directory.is_dir():
            raise PolicyError(f"{directory} is no directory; give a Hugging Face model directory")
        try:
            loaded = AutoTokenizer.from_pretrained(directory, local_files_only=True)  # pyright: ignore
        except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
            raise PolicyError(f"no tokenizer can be loaded from {directory}: {error}") from error
        self._inner = cast(Any, loaded)
        if not self._inner.chat_template:
            raise PolicyError(
                f"the tokenizer in {directory} has no chat template; add chat_template.jinja there"
            )
        added = self._inner.added_tokens_decoder.values()  # more than the named ones, as in Llama 3
        self._specials = frozenset(
            [
                *map(str, self._inner.all_special_tokens),
                *(str(token) for token in added if token.special),
            ]
        )
        self.stop = self._stop_tokens(directory)

    def _stop_tokens(self, directory: Path) -> tuple[int, ...]:
        stop: set[int] = set()
        if self._inner.eos_token_id is not None:
            stop.add(int(self._inner.eos_token_id))
        for name in ("generation_config.json", "config.json"):
            path = directory / name
            if path.is_file():
                found = json.loads(path.read_text()).get("eos_token_id")
                stop.update([found] if isinstance(found, int) else found or [])
        if not stop:
            raise PolicyError(
                f"the policy in {directory} names no end-of-message token; set eos_token_id"
            )
        return tuple(sorted(stop))

    def encode(self, text: str, *, special: bool) -> list[int]:
        """Tokens of `text`; see `joints.Tokenizer`."""
        return list(
            self._inner.encode(text, add_special_tokens=False, split_special_tokens=not special)
        )

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`, special tokens left out."""
        return str(
            self._inner.decode(
                list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def special_texts(self) -> frozenset[str]:
        """The texts that would become special tokens."""
        return self._specials

    def template(self, messages: Sequence[Message], *, generate: bool) -> str:
        """The conversation as the policy's own chat template writes it."""
        from jinja2 import TemplateError

        try:
            return str(
                self._inner.apply_chat_template(
                    [{"role": m.role, "content": m.content} for m in messages],
                    tokenize=False,
                    add_generation_prompt=generate,
                )
            )
        except TemplateError as error:
            raise ValueError(f"the chat template refuses this conversation: {error}") from error

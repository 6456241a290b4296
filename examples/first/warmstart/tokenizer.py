"""The embedded policy's tokenizer: byte-level BPE whose merges are ordered by hand.

    syllables -> invented words (one token each) -> numbers of two digits -> words of the field
              -> runs of punctuation that the formats write

Every word of `records.words` is one token, wherever it stands: copying a name out of the prompt is
then one step for the policy. Other words swallow the space before them, but for those that are
copied between texts (`apart`). Nothing is learned here; the same texts give the same tokenizer.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from surefoot.records.words import SYLLABLES, WORDS

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
_SPECIAL = (PAD, START, END)
_PIECES = r" ?[a-z]+|[A-Z]+|[0-9]{1,2}|[^A-Za-z0-9]+"
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _byte_letters() -> dict[int, str]:
    """The letter that byte-level BPE writes for each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain}
    return letters | {byte: chr(256 + number) for number, byte in enumerate(rest)}


_LETTERS = _byte_letters()


def _spelled(text: str) -> str:
    return "".join(_LETTERS[byte] for byte in text.encode())


class _Merges:
    """Merges in order of priority, and the vocabulary that they span."""

    def __init__(self) -> None:
        self.vocabulary = {text: number for number, text in enumerate(_SPECIAL)}
        for letter in _LETTERS.values():
            self.vocabulary.setdefault(letter, len(self.vocabulary))
        self.order: dict[tuple[str, str], int] = {}

    def join(self, left: str, right: str) -> None:
        if (left, right) not in self.order:
            self.order[left, right] = len(self.order)
            self.vocabulary.setdefault(left + right, len(self.vocabulary))

    def whole(self, text: str) -> None:
        """Adds what makes `text` one token."""
        parts = self._parts(text)
        while len(parts) > 1:
            self.join(parts[0], parts[1])
            parts = self._parts(text)

    def _parts(self, text: str) -> list[str]:
        parts = list(_spelled(text))
        while len(parts) > 1:
            ranked = [(self.order.get(pair, len(self.order)), at) for at, pair in
                      enumerate(itertools.pairwise(parts))]  # fmt: skip
            rank, at = min(ranked)
            if rank == len(self.order):
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return parts


def build(
    texts: Iterable[str],
    words: Iterable[str],
    apart: Iterable[str],
    directory: Path,
    *,
    least: int = 20,
) -> int:
    """Writes the tokenizer of `texts` into `directory`; returns the size of its vocabulary.

    Words and punctuation runs that stand at least `least` times in `texts`, and all of `words` and
    `apart`, become one token each; those of `apart` never together with a space.
    """
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(re.findall(_PIECES, text))
    merges = _Merges()
    for syllable in SYLLABLES:
        merges.join(*syllable)
    for word in WORDS:
        merges.join(word[:2], word[2:])
    for number in range(10, 100):
        merges.join(*str(number))
    alone = {*apart, *WORDS}
    known = [
        piece
        for piece, count in counted.most_common()
        if count >= least and piece.removeprefix(" ") not in alone
    ]
    roles = ("system", "user", "assistant", "tool")
    pieces = {piece for word in (*words, *apart, *roles) for piece in re.findall(_PIECES, word)}
    for piece in sorted({*known, *pieces}, key=lambda piece: (piece.isalpha(), piece)):
        merges.whole(piece)
    inner = Tokenizer(models.BPE(vocab=merges.vocabulary, merges=list(merges.order)))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in _SPECIAL]
    )
    outer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        clean_up_tokenization_spaces=False,
    )
    outer.chat_template = _TEMPLATE
    outer.save_pretrained(directory)
    return inner.get_vocab_size()

"""How a model directory gets onto the disk: whole, or not at all. Torch-free.

A directory is written beside its place, made durable (fsync of every file and folder), and moved
in. A reader finds the old version or the new one; a writer that dies leaves a hidden folder that
the next writer of the same place removes.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "tekken.json",
    "chat_template*",
    "generation_config.json",
)
"""What a Hugging Face tokenizer may consist of, as patterns of file names."""


@contextmanager
def replacing(directory: Path) -> Generator[Path]:
    """Gives an empty folder to write into, which then takes the place of `directory`.

    Raises:
        OSError: the disk is full or refuses; `directory` is then as it was.
    """
    directory = directory.absolute()
    partial = directory.parent / f".{directory.name}.partial"
    replaced = directory.parent / f".{directory.name}.replaced"
    for leftover in (partial, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in [*partial.rglob("*"), partial]:
            _sync(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if directory.exists():
        directory.rename(replaced)
    partial.rename(directory)
    _sync(directory.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Cuts texts into chunks of so many tokens with some overlap, at paragraphs and sentences where it can. Pure.

Tokens are counted as OpenAI's embedding models do (``cl100k_base``) where the extra ``tokens`` is installed, else taken
to be four characters each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.conversation_window import CHARS_PER_TOKEN
from flowray.handlers.extras import load_extra

Count = Callable[[str], int]

_SENTENCES = re.compile(r".+?(?:\n\s*\n|[.!?…]['\")\]]*\s+|\n|$)", re.DOTALL)
_WORDS = re.compile(r"\S+\s*")


def token_counter() -> Count:
    """Counts tokens of a text: exactly where it can, else by its length."""
    try:
        encode = load_extra("bpe_openai", "tokens").get_encoding("cl100k_base").encode_ordinary
    except FlowrayError as error:
        if error.code is not ErrorCode.MISSING_EXTRA:
            raise
        return estimated_tokens
    return lambda text: len(encode(text))


def estimated_tokens(text: str) -> int:
    """By length, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


def chunked(text: str, size: int, overlap: int, count: Count) -> list[str]:
    """Chunks of at most ``size`` tokens, each beginning with up to ``overlap`` tokens of the one before.

    None is empty, and nothing is lost but blanks at their ends. ``overlap`` is less than ``size``.
    """
    chunks: list[str] = []
    held: list[tuple[str, int]] = []
    fresh = False
    for piece in _pieces(text, size, count):
        tokens = count(piece)
        if fresh and sum(held_tokens for _, held_tokens in held) + tokens > size:
            _add(chunks, held)
            held = _tail(held, min(overlap, size - tokens))
        held.append((piece, tokens))
        fresh = True
    if fresh:
        _add(chunks, held)
    return chunks


def _add(chunks: list[str], held: list[tuple[str, int]]) -> None:
    content = "".join(piece for piece, _ in held).strip()
    if content:
        chunks.append(content)


def _tail(held: list[tuple[str, int]], room: int) -> list[tuple[str, int]]:
    """The last pieces that fit into ``room`` tokens."""
    kept: list[tuple[str, int]] = []
    for piece in reversed(held):
        room -= piece[1]
        if room < 0:
            break
        kept.insert(0, piece)
    return kept


def _pieces(text: str, size: int, count: Count) -> Iterator[str]:
    """Sentences and lines; of what is longer than a chunk words, of longer words parts."""
    for match in _SENTENCES.finditer(text):
        sentence = match[0]
        if count(sentence) <= size:
            yield sentence
            continue
        for word in _WORDS.findall(sentence):
            yield from _parts(word, size, count)


def _parts(word: str, size: int, count: Count) -> Iterator[str]:
    """A word, halved until each part is within a chunk. A single character always is."""
    if len(word) <= 1 or count(word) <= size:
        yield word
        return
    middle = len(word) // 2
    yield from _parts(word[:middle], size, count)
    yield from _parts(word[middle:], size, count)

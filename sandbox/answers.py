"""The deterministic answer every model of the sandbox gives.

What belongs here: its text and its size in tokens. What does not: how a provider's API shapes it.
"""

import json
from dataclasses import dataclass
from typing import Any

CHARACTERS_PER_TOKEN = 4
CACHED_BLOCK = 128


@dataclass(frozen=True)
class Answer:
    """One answer: its text in the pieces a stream sends, and its tokens."""

    pieces: tuple[str, ...]
    input_tokens: int
    """All input tokens, cached ones included."""
    cached_tokens: int
    output_tokens: int

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)


def answer_to(question: Any) -> Answer:
    """Answer a question in JSON; whole blocks of 128 input tokens count as cached."""
    tokens = 1 + len(json.dumps(question)) // CHARACTERS_PER_TOKEN
    pieces = ("This ", "is ", "the ", "sandbox ", "speaking.")
    return Answer(pieces, tokens, tokens // CACHED_BLOCK * CACHED_BLOCK, len(pieces))

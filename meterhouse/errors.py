"""The errors a user is meant to read: one sentence on what is wrong and where, and the next step in words.

What belongs here: the bases that the command line turns into a message and an exit code. What does not: the
errors of providers (`dlt_sources/contract.py`), which have the same two parts.
"""

import errno

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_WORDS = ("no space left", "disk is full", "disk quota exceeded", "file too large")


class MeterhouseError(Exception):
    """Something the user asked about is wrong; never holds a secret.

    Args:
        message: One sentence: what is wrong, and where.
        next_step: How to mend it, in words, when there is a way.
    """

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class UsageError(MeterhouseError):
    """What was asked for cannot be asked like this: an unknown name, a missing or malformed value."""


def is_full_disk(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that the disk is full; some libraries say so in words alone."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        if any(words in str(seen).lower() for words in _FULL_WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False

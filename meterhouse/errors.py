"""The errors a user is meant to read: one sentence on what is wrong and where, and the next step in words.

What belongs here: the bases that the command line turns into a message and an exit code. What does not: the
errors of providers (`dlt_sources/contract.py`), which have the same two parts.
"""


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

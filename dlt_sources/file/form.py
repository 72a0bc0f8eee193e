"""The form of a bill in files: where they lie, whose bill they are, and how their columns are read.

What belongs here: the fields and their forms. What does not: opening the place (`places.py`), the mapping's own
shape (`mapping.py`).
"""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from dlt_sources.contract import Credentials
from dlt_sources.file.mapping import FOCUS_NAME


def _place(text: str) -> str:
    place, parts = text.strip(), urlsplit(text.strip())
    if not place or parts.scheme not in ("", "file", "s3", "gs"):
        raise ValueError("a place is a folder or file, or a URL that begins with s3:// or gs://")
    if "@" in parts.netloc:
        raise ValueError(
            "a URL holds no user or key here; give the machine its rights as the cloud's tools do"
        )
    return place.rstrip("/") if parts.scheme in ("s3", "gs") else str(Path(parts.path).expanduser().resolve())


def _mapping_place(text: str) -> str:
    return FOCUS_NAME if text.strip().lower() == FOCUS_NAME else _place(text)


def _short_name(text: str) -> str:
    name = text.strip().lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise ValueError(
            "a provider's short name is one word of small letters, digits and _, as events name it"
        )
    return name


class FileCredentials(Credentials):
    """Form of a bill in files; nothing in it is secret."""

    location: Annotated[str, AfterValidator(_place)] = Field(
        title="Folder, file or URL",
        description="Where the bill's files lie: a folder or file, s3://bucket/prefix or gs://bucket/prefix.",
    )
    billed_provider: Annotated[str, AfterValidator(_short_name)] = Field(
        title="Billed provider",
        description="Whose bill it is, by the short name that metered events carry: groq, cohere, perplexity, …",
    )
    mapping: Annotated[str, AfterValidator(_mapping_place)] = Field(
        default=FOCUS_NAME,
        title="Mapping file",
        description="YAML file (path or URL) that says which column is what; focus for a FOCUS 1.0 to 1.2 export.",
    )

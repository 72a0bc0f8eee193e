"""Credential forms: what a provider asks for, and the answers checked against its typed model.

Prompts, web forms and help are all derived from it. What belongs here: fields, their validation, and the
split into secrets and plain settings. What does not: sealing (`vault.py`), storing (`registry.py`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from dlt_sources.contract import Credentials, Provider
from dlt_sources.registry import PROVIDERS
from meterhouse.errors import UsageError

_FIELD_NAME = re.compile("[a-z_]{1,40}")
"""What may be repeated in a message: a secret given in the place of a name must not."""


@dataclass(frozen=True)
class Field:
    """One line of a credential form."""

    name: str
    label: str
    help: str
    is_secret: bool
    is_required: bool
    default: str | None
    choices: tuple[str, ...] = ()
    """The only values it takes; none where any text will do."""


def known_provider(name: str) -> Provider:
    """The registered provider of that short name.

    Raises:
        UsageError: There is none; names the closest and lists all.
    """
    if name in PROVIDERS:
        return PROVIDERS[name]
    close = get_close_matches(name.lower(), PROVIDERS, n=1)
    guess = f" Did you mean {close[0]}?" if close else ""
    raise UsageError(
        f"There is no provider {name!r}.{guess} Known providers: {', '.join(sorted(PROVIDERS))}.",
        "See `meterhouse providers` for what each of them pulls and asks for. The bill of any other provider comes "
        "in as files: `meterhouse connections add file` (docs/providers/file.md).",
    )


def fields_of(provider: Provider) -> list[Field]:
    """The provider's form, in the order in which it declares its fields."""
    return [
        Field(
            name=name,
            label=info.title or name,
            help=info.description or "",
            is_secret=_is_secret(info.annotation),
            is_required=info.is_required(),
            default=_default(info),
            choices=get_args(info.annotation) if get_origin(info.annotation) is Literal else (),
        )
        for name, info in provider.credentials.model_fields.items()
    ]


def filled(provider: Provider, values: Mapping[str, Any]) -> Credentials:
    """The typed credentials that the values make.

    Args:
        provider: Whose form it is.
        values: Answers by field name.

    Raises:
        UsageError: A field is unknown, missing or malformed; names it and the form's fields, never a value.
    """
    refuse_unknown(provider, values)
    try:
        return provider.credentials.model_validate(dict(values))
    except ValidationError as error:
        faults = [
            _fault(provider, fault["type"], ".".join(map(str, fault["loc"])), fault["msg"])
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    raise UsageError(f"{provider.title}: {'; '.join(faults)}.", _form_in_words(provider))


def refuse_unknown(provider: Provider, names: Iterable[str]) -> None:
    """Check that the form has all these fields.

    Raises:
        UsageError: It lacks one; names it and the fields there are.
    """
    for name in names:
        if name not in provider.credentials.model_fields:
            shown = repr(name) if _FIELD_NAME.fullmatch(name) else "of that name"
            raise UsageError(f"{provider.title} has no credential field {shown}.", _form_in_words(provider))


def split(credentials: Credentials) -> tuple[dict[str, str], dict[str, Any]]:
    """Secret fields in clear, to be sealed at once, and the other fields as JSON values."""
    secrets = {name: value.get_secret_value() for name, value in credentials if isinstance(value, SecretStr)}
    return secrets, credentials.model_dump(mode="json", exclude=set(secrets))


def _fault(provider: Provider, kind: str, field: str, message: str) -> str:
    if kind == "missing":
        label = provider.credentials.model_fields[field].title
        return f"the field {field!r} ({label}) is missing"
    message = message.removeprefix("Value error, ")
    return f"the field {field!r} is not right: {message}" if field else message


def _form_in_words(provider: Provider) -> str:
    return f"The form has these fields: {', '.join(f'{f.name} ({f.label})' for f in fields_of(provider))}."


def _default(info: FieldInfo) -> str | None:
    shown = not info.is_required() and info.default is not None and not _is_secret(info.annotation)
    return str(info.default) if shown else None


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))

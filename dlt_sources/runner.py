"""Runs one provider alone: pulls a window of days into a DuckDB file, for trying a key or a change.

The options are derived from the provider's credential form; a secret is asked for unseen, or taken from
`<PROVIDER>_<FIELD>`, for instance OPENAI_ADMIN_KEY. What does not belong here: the pipeline's own syncs,
which live in meterhouse.
"""

import tempfile
from datetime import datetime, timedelta
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import dlt
import typer
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from dlt_sources.buckets import utc_now
from dlt_sources.contract import Provider, ProviderError, Window
from dlt_sources.errors import find_provider_error
from dlt_sources.source import build_source, pulled_days_source


def run_alone(provider: Provider) -> None:
    """Command line of one provider."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=f"Pull {provider.title} into a DuckDB file.")(_command(provider))
    app()


def _command(provider: Provider) -> Any:
    today = utc_now().date()

    def command(start: datetime, end: datetime, file: Path, **form: str | None) -> None:
        try:
            given = {name: value for name, value in form.items() if value is not None}
            credentials = provider.credentials(**given)
            window = Window(start.date(), end.date())
        except ValidationError as error:
            raise typer.BadParameter(
                "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            ) from None
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        source, pulled = build_source(provider, lambda: credentials, window, "alone")
        with tempfile.TemporaryDirectory() as state:
            pipeline = dlt.pipeline(
                f"{provider.name}_alone",
                pipelines_dir=state,
                destination=dlt.destinations.duckdb(str(file)),
                dataset_name=f"raw_{provider.name}",
            )
            try:
                pipeline.run(source)
                pipeline.run(pulled_days_source(pulled))
            except Exception as error:
                _explain(find_provider_error(error), error)
        days, rows = len(pulled.versions), sum(version["row_count"] for version in pulled.versions)
        typer.echo(f"{days} report days with {rows} rows are in {file}, schema raw_{provider.name}.")

    day = typer.Option(formats=["%Y-%m-%d"])
    fixed = [
        _option("start", Annotated[datetime, day], (today - timedelta(days=7)).isoformat()),
        _option("end", Annotated[datetime, day], (today + timedelta(days=1)).isoformat()),
        _option(
            "file",
            Annotated[Path, typer.Option(help="DuckDB file to fill.")],
            Path(f"{provider.name}.duckdb"),
        ),
    ]
    form_fields = [_form_option(provider.name, *item) for item in provider.credentials.model_fields.items()]
    command.__signature__ = Signature([*fixed, *form_fields])  # type: ignore[attr-defined]
    return command


def _form_option(provider: str, name: str, field: FieldInfo) -> Parameter:
    is_secret, is_required = field.annotation is SecretStr, field.is_required()
    option = typer.Option(
        envvar=f"{provider}_{name}".upper(),
        prompt=(field.title or name) if is_required else False,
        hide_input=is_secret,
        help=field.description,
    )
    return _option(name, Annotated[str | None, option], None if is_required else field.default)


def _option(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _explain(known: ProviderError | None, error: Exception) -> None:
    """End with the provider's sentence; anything else is a defect and keeps its traceback."""
    if known is None:
        raise error
    typer.echo(f"{known.message}\n{known.next_step}", err=True)
    raise typer.Exit(1)

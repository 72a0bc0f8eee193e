"""The published marts: the one file BI tools open."""

import dagster as dg

from assets.resources import Installation
from meterhouse.warehouse.publish import publish

KEY = dg.AssetKey(["serve", "meterhouse"])


def build_published(marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The publishing step, after every one of `marts`."""

    @dg.asset(
        key=KEY,
        deps=marts,
        group_name="published",
        kinds={"duckdb"},
        owners=["team:data-platform"],
        pool="warehouse",
        description="All marts in one DuckDB file, replaced atomically after a green build.",
    )
    def published(installation: Installation) -> dg.MaterializeResult[None]:
        settings = installation.settings()
        counts = publish(settings)
        table = "\n".join(
            ["| mart | rows |", "|---|---|", *(f"| {name} | {count} |" for name, count in counts.items())]
        )
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(settings.published_path),
                "marts": dg.MetadataValue.md(table),
            }
        )

    return published

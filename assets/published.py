"""The published marts: the one file BI tools open."""

import html
from datetime import UTC, datetime

import dagster as dg

from assets.resources import Installation
from meterhouse.alerts.after_build import judge_published
from meterhouse.alerts.overview import newest_incidents
from meterhouse.alerts.wording import group_text
from meterhouse.warehouse.publish import publish

MOST_INCIDENTS = 200
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
        changes = judge_published(settings, datetime.now(UTC))
        firing = [one for one in newest_incidents(settings, MOST_INCIDENTS) if one["status"] == "firing"]
        incidents = "\n".join(
            [
                "| fired at | rule | group | severity | value | limit |\n|---|---|---|---|---|---|",
                *(
                    f"| {one['fired_at']:%Y-%m-%d %H:%M} | {one['rule']} | {_cell(group_text(one['group']))} "
                    f"| {one['severity']} | {_cell(one['value'])} | {one['limit']} |"
                    for one in firing
                ),
            ]
        )
        table = "\n".join(
            ["| mart | rows |", "|---|---|", *(f"| {name} | {count} |" for name, count in counts.items())]
        )
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(settings.published_path),
                "marts": dg.MetadataValue.md(table),
                "alert_changes": len(changes),
                "firing_alerts": dg.MetadataValue.md(incidents),
            }
        )

    return published


def _cell(text: str) -> str:
    """A text as one cell of a Markdown table: a group's names come from events."""
    return html.escape(text).replace("|", "&#124;").replace("\n", " ")

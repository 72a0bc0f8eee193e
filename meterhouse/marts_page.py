"""The page of all marts and their columns, written from the descriptions that stand beside the models.

What belongs here: dbt's descriptions as one page. What does not: a single word on a mart, which its `.yml` says.
`make docs` runs it; a test says when the page is older than the models.
"""

from pathlib import Path
from typing import Any

import yaml

from meterhouse.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "marts-columns.md"
_MARTS = PROJECT_ROOT / "dbt_project" / "models" / "marts"
_HEAD = """# Every mart and column

Written by `make docs` from the descriptions in `dbt_project/models/marts/`; [marts.md](marts.md) says what the numbers
mean.
"""


def page(folder: Path = _MARTS) -> str:
    """The page as Markdown: one table per mart of the folder, by name."""
    marts: list[dict[str, Any]] = [
        model
        for file in folder.glob("*.yml")
        for model in yaml.safe_load(file.read_text()).get("models", [])
        if "columns" in model
    ]
    return "\n".join([_HEAD, *(_section(mart) for mart in sorted(marts, key=lambda mart: str(mart["name"])))])


def _section(mart: dict[str, Any]) -> str:
    rows = [
        f"| `{column['name']}` | {column['data_type']} | {_cell(column['description'])} |"
        for column in mart["columns"]
    ]
    head = [f"## {mart['name']}", "", " ".join(str(mart["description"]).split()), ""]
    return "\n".join([*head, "| column | type | meaning |", "|---|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())

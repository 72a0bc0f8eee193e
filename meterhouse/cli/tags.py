"""`meterhouse tags`: whom calls were for, said after the fact."""

from typing import Any

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, print_table, say
from meterhouse.published import NothingPublishedError, published_marts
from meterhouse.settings import Settings
from meterhouse.tagging import load_rules

tags_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Whom calls were for, said after the fact (docs/tagging.md).",
)
_HELD = """
    select rule, count(*) as calls, cast(sum(cost_usd) as decimal(38, 12)) as usd
    from (select unnest(string_split(tagging_rules, ', ')) as rule, cost_usd from marts.fct_transactions)
    group by rule
"""


@tags_app.callback()
def _tags() -> None:
    """Whom calls were for, said after the fact."""


@tags_app.command("check")
@errors_in_words()
def check(is_json: JsonFlag = False) -> None:
    """Check the tagging rules, and say how many calls each held for in the marts as published last."""
    settings = Settings()
    rules = load_rules(settings.tagging_rules_path)
    held = _held(settings)
    rows: list[dict[str, Any]] = [
        {"line": line, "rule": rule.name, "calls": held.get(rule.name, (None, None))[0],
         "usd": held.get(rule.name, (None, None))[1]}
        for line, rule in rules
    ]  # fmt: skip
    if is_json:
        print_json({"file": str(settings.tagging_rules_path or "") or None, "rules": rows})
        return
    print_table(
        ("line", "rule", "calls", "USD at list price"),
        (tuple(row.values()) for row in rows),
        empty=f"No tagging rules: write them to {settings.home_path / 'tagging_rules.yaml'}.",
    )
    if rules:
        say("The rules are right. They hold for all calls, old ones too, with the next build.")


def _held(settings: Settings) -> dict[str, tuple[int, Any]]:
    """Calls and their cost by rule; nothing before the first build that knew of rules."""
    try:
        with published_marts(settings) as marts:
            return {rule: (calls, usd) for rule, calls, usd in marts.execute(_HELD).fetchall()}
    except NothingPublishedError:
        return {}

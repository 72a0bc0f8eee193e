"""The canonical model of a raw model name: one rule, here and in the dbt project.

What belongs here: the rule. What does not: the aliases themselves (`dbt_project/seeds/model_aliases.csv`).

The rule: lower-cased and trimmed; when that is an alias of the provider, its model; else without a trailing
date (`-YYYY-MM-DD` or `-YYYYMMDD`), when that is an alias, its model; else the lower-cased name itself.
"""

import polars as pl

TRAILING_DATE = r"-\d{4}-?\d{2}-?\d{2}$"


def with_canonical_model(names: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """Add the column `canonical_model` to a frame with `provider` and `raw_model`; NULL stays NULL.

    Args:
        names: any frame with the two columns; row order is kept.
        aliases: `provider`, `alias` (lower case, one row each), `model`.
    """
    lowered = pl.col("raw_model").str.strip_chars().str.to_lowercase()
    distinct = (
        names.select("provider", "raw_model")
        .unique()
        .with_columns(lowered=lowered, undated=lowered.str.replace(TRAILING_DATE, ""))
    )
    resolved = (
        distinct.join(aliases, how="left", left_on=["provider", "lowered"], right_on=["provider", "alias"])
        .join(
            aliases,
            how="left",
            left_on=["provider", "undated"],
            right_on=["provider", "alias"],
            suffix="_undated",
        )
        .select("provider", "raw_model", canonical_model=pl.coalesce("model", "model_undated", "lowered"))
    )
    return names.join(
        resolved, on=["provider", "raw_model"], how="left", nulls_equal=True, maintain_order="left"
    )

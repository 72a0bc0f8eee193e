"""The canonical model of a raw model name: one rule, here and in the dbt project.

What belongs here: the rule, and the region that an id names. What does not: the aliases themselves
(`dbt_project/seeds/model_aliases.csv`).

The rule: lower-cased and trimmed, an id freed of what stands around the name in it; when that is an alias of the
provider, its model; else without a trailing date (`-YYYY-MM-DD` or `-YYYYMMDD`), when that is an alias, its model;
else the name itself. dbt meets Bedrock's ids in its metrics (`bedrock_model_of_id`), events reach it with their model.
"""

import polars as pl

TRAILING_DATE = r"-\d{4}-?\d{2}-?\d{2}$"
_PATH = r"^.*/"
_REGION_AND_VENDOR = r"^((us|us-gov|eu|apac|global|jp|au|ca|in|sa|me|af|mx|il)\.)?[a-z0-9]+\."
_VERSION = r"(-[0-9]{8})?((-v[02-9][0-9]*)?(:[0-9a-z]+)*|-v1(:[0-9a-z]+)*|-1(:[0-9a-z]+)+)$"
_SNAPSHOT = r"@.*$"


def model_name() -> pl.Expr:
    """The name in `raw_model`: lower-cased, and without what ids of Bedrock and Vertex AI have around it.

    `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, or that at the end of an ARN, is `claude-sonnet-4-5`;
    `publishers/anthropic/models/claude-sonnet-4-5@20250929` is `claude-sonnet-4-5`.
    """
    lowered = pl.col("raw_model").str.strip_chars().str.to_lowercase()
    last = lowered.str.replace(_PATH, "")
    bedrock = last.str.replace(_REGION_AND_VENDOR, "").str.replace(_VERSION, "${3}")
    return (
        pl.when(pl.col("provider") == "aws_bedrock")
        .then(bedrock)
        .when(pl.col("provider") == "google")
        .then(last.str.replace(_SNAPSHOT, ""))
        .otherwise(lowered)
    )


REGIONAL = "regional"
"""Price region of calls to Bedrock and Vertex AI that are kept in a region or a geography."""
GOVERNMENT = "us-gov"
"""Price region of Bedrock's calls in AWS GovCloud; it has prices of its own, and no other holds there."""
_BEDROCK_ID = r"(?:^|/)(?:(us|us-gov|eu|apac|global|jp|au|ca|in|sa|me|af|mx|il)\.)?[a-z0-9]+\.[^/]*$"
_IN_GOVERNMENT = r"(?:^|[/:])us-gov[.-]"


def region() -> pl.Expr:
    """The price region that a call names.

    Of Bedrock's ids `us-gov` in GovCloud, else `regional` unless they are global: its geographies (`us.`, `eu.`, ...)
    and its ids without one cost the same, more than `global.` ids (contract focus-prices-otel §2.1); a name that is no
    id says nothing. Of Google's locations `regional` unless it is `global`. Elsewhere the call's `region`.
    """
    asked = pl.col("model").str.strip_chars().str.to_lowercase()
    said = pl.col("region").str.strip_chars().str.to_lowercase()
    is_regional = asked.str.contains(_BEDROCK_ID) & ~asked.str.contains(r"(?:^|/)global\.")
    is_government = asked.str.contains(_IN_GOVERNMENT) | said.str.contains(_IN_GOVERNMENT).fill_null(False)
    return (
        pl.when(pl.col("provider") == "aws_bedrock")
        .then(pl.when(is_government).then(pl.lit(GOVERNMENT)).when(is_regional).then(pl.lit(REGIONAL)))
        .when(pl.col("provider") == "google")
        .then(pl.when(~said.is_in(["", "global"])).then(pl.lit(REGIONAL)))
        .otherwise(said)
    )


def with_canonical_model(names: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """Add the column `canonical_model` to a frame with `provider` and `raw_model`; NULL stays NULL.

    Args:
        names: any frame with the two columns; row order is kept.
        aliases: `provider`, `alias` (lower case, one row each), `model`.
    """
    distinct = (
        names.select("provider", "raw_model")
        .unique()
        .with_columns(lowered=model_name(), undated=model_name().str.replace(TRAILING_DATE, ""))
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

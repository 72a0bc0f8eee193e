"""Rules on data, judged by Great Expectations, and their findings in words.

The warehouse condenses what is new into a small profile (one row per report and day, or per hour of arrival); a rule is
an expectation on one column of it, so that the cost of judging does not grow with the number of events. What belongs
here: what a rule is, and how a profile is judged. What does not: profiles and rules of any data (`pulls.py`,
`event_files.py`), and Dagster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

PLACE = "place"
"""The column of every profile that says in words which part of the data a row is about."""
EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Rule:
    """One expectation on a column of a profile, none of whose values is null.

    `holds` is what must be so; `detail` says how a row of the profile breaks it, with columns in braces; `mend` is the
    next step. A `critical` rule that is broken means wrong numbers, a `warning` that they stand.
    """

    name: str
    holds: str
    column: str
    least: float | None
    most: float | None
    detail: str
    mend: str
    severity: Literal["critical", "warning"]

    def as_expectation(self) -> dict[str, Any]:
        """The rule as Great Expectations reads it."""
        return {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": self.column, "min_value": self.least, "max_value": self.most},
            "severity": self.severity,
            "meta": {"rule": self.name},
        }


@dataclass(frozen=True)
class Finding:
    """What became of a rule: rows of the profile that were judged, and those that break it, in words."""

    rule: Rule
    judged_count: int
    broken: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no row breaks the rule."""
        return not self.broken

    @property
    def sentence(self) -> str:
        """What is wrong, where, and how to mend it; or that nothing is."""
        if self.passed:
            return f"{self.rule.holds} Looked at: {self.judged_count}."
        more = len(self.broken) - EXAMPLES_SHOWN
        shown = "; ".join(self.broken[:EXAMPLES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        return f"{shown}. {self.rule.mend}"


def judge(rules: Sequence[Rule], profile: pl.DataFrame) -> list[Finding]:
    """Judge every rule on a profile.

    Args:
        rules: Rules of that profile.
        profile: One row per part of the data, with `place` and the columns that the rules name.

    Returns:
        One finding per rule, in their order.

    Raises:
        RuntimeError: A rule could not be judged, which is a defect of the rule or of the profile.
    """
    if profile.is_empty():
        return [Finding(rule, 0, ()) for rule in rules]
    broken = _broken_rows(rules, profile)
    return [
        Finding(
            rule,
            profile.height,
            tuple(
                f"{row[PLACE]}: {rule.detail.format(**row)}"
                for row in profile[broken[rule.name]].iter_rows(named=True)
            ),
        )
        for rule in rules
    ]


def _broken_rows(rules: Sequence[Rule], profile: pl.DataFrame) -> dict[str, list[int]]:
    """Numbers of the rows that break each rule, by its name."""
    # Seconds to load, and only needed where there is data.
    import great_expectations as gx  # noqa: PLC0415
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    frame = profile.select(PLACE, *dict.fromkeys(rule.column for rule in rules)).to_pandas()
    asset = context.data_sources.add_pandas("profiles").add_dataframe_asset("profile")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite("rules", expectations=[rule.as_expectation() for rule in rules])
    judged = batch.validate(suite, result_format={"result_format": "COMPLETE"})
    rows = {}
    for one in judged.results:
        assert one.expectation_config is not None and one.expectation_config.meta is not None
        name, result = one.expectation_config.meta["rule"], one.result
        if "unexpected_index_list" not in result or result["missing_count"]:
            raise RuntimeError(f"The rule {name} could not be judged: {one.exception_info}")
        rows[name] = result["unexpected_index_list"]
    return rows

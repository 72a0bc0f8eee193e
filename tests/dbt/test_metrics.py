"""The metrics that dbt hands on say what the report says: each definition, read as a semantic layer reads it."""

import re
import shutil
from decimal import Decimal
from fractions import Fraction

import pytest

from meterhouse.report import CAUSES, build_report
from meterhouse.settings import Settings
from meterhouse.warehouse.publish import publish
from tests.dbt import raw
from tests.dbt.test_reports import TOKENS

PARTS = {
    "billed": "billed_cost",
    "attributed": "attributed_cost",
    "unattributed": "unattributed_cost",
    "credits": "credits",
    "other": "other_cost",
    "provisional": "provisional_cost",
    "metered": "metered_cost",
}
"""Figure of the report: metric."""


@pytest.fixture(scope="module")
def settings(built, tmp_path_factory):
    _, path, _, _ = built
    home = tmp_path_factory.mktemp("metrics")
    shutil.copy(path, home / "warehouse.duckdb")
    made = Settings(home=home)
    publish(made)
    return made


@pytest.fixture(scope="module")
def metrics():
    manifest = raw._manifest()
    models = {model.model: model for model in manifest.semantic_models.values()}
    measures = {measure.name: (model, measure) for model in models.values() for measure in model.measures}
    return {metric.name: metric for metric in manifest.metrics.values()}, measures


def sql_of(name, metrics, measures):
    """One metric over all days as an SQL expression."""
    metric, asked = metrics[name], metrics[name].type_params
    if metric.type.value == "ratio":
        numerator, denominator = (
            sql_of(one.name, metrics, measures) for one in (asked.numerator, asked.denominator)
        )
        return f"({numerator} / {denominator})"
    if metric.type.value == "derived":
        parts = {one.name: sql_of(one.name, metrics, measures) for one in asked.metrics}
        return f"({re.sub(r'[a-z_]+', lambda word: parts.get(word[0], word[0]), asked.expr)})"
    model, measure = measures[asked.measure.name]
    dimensions = {one.name: one.expr or one.name for one in model.dimensions}
    [entity] = [one.name for one in model.entities if one.type.value == "primary"]
    where = " and ".join(
        re.sub(
            rf"{{{{ Dimension\('{entity}__(\w+)'\) }}}}", lambda found: dimensions[found[1]], one.where_sql_template
        )
        for one in (metric.filter.where_filters if metric.filter else [])
    )  # fmt: skip
    chosen = f"{measure.agg.value}({measure.expr or measure.name})"
    return f"(select {chosen} from marts.{model.node_relation.alias}{' where ' + where if where else ''})"


@pytest.fixture(scope="module")
def figures(settings, metrics):
    return {
        name: raw.rows(settings.published_path, f"select {sql_of(name, *metrics)} as figure")[0]["figure"]
        for name in metrics[0]
    }


def test_the_metrics_are_the_figures_of_the_report(settings, figures):
    report = build_report(settings)
    assert {name: figures[metric] or 0 for name, metric in PARTS.items()} == {
        name: report[name] for name in PARTS
    }
    assert {cause: figures[f"variance_{cause}"] for cause in CAUSES} == report["variance"]
    assert round(Decimal(figures["coverage"]), 4) == report["coverage"]
    assert figures["transactions"] == sum(row["events"] for row in report["rows"])


def test_what_a_call_and_a_million_tokens_cost_is_what_the_world_paid(built, figures):
    world, _, _, measures = built
    costs = [event["cost_usd"] for event in world.events if event["cost_usd"] is not None]
    assert figures["transaction_cost"] == sum(costs)
    assert figures["cost_per_transaction"] == pytest.approx(float(sum(costs) / len(costs)), rel=1e-9)
    counted = [
        m for (_, _, model, kind, *_), m in measures.items() if m["Qb"] is not None and model and kind in TOKENS
    ]  # fmt: skip
    price = sum(m["B"] for m in counted) * 10**6 / sum(m["Qb"] for m in counted)
    assert figures["cost_per_million_tokens"] == pytest.approx(float(Fraction(price)), rel=1e-9)
    assert figures["workflow_cost"] == figures["transaction_cost"]

"""How often an anomaly rule fires without reason, and how much of what is planted it finds, by sensitivity.

Run `python -m bench.anomalies [GROUPS] [SEED]`. Six weeks of metered calls of GROUPS products are made up: traffic
follows the hour and the day of the week, calls come at random, and their costs are spread as widely as prompts are
(log-normal). In the last two weeks twelve bursts per product are planted, each of an hour, with three, five or ten
times the usual calls. Rules with `for: 10m` on the hourly cost are judged by the evaluator that judges live events.
"""

import math
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from meterhouse.alerts.anomalies import AnomalyRule
from meterhouse.alerts.evaluate import evaluate
from meterhouse.alerts.samples import NO_EVENTS

START = datetime(2026, 9, 7, tzinfo=UTC)
WEEKS, JUDGED_WEEKS = 6, 2
FACTORS = (3, 5, 10)
BURSTS_EACH = 4
SENSITIVITIES = (3, 4, 5)


def expected_calls(hours: np.ndarray, size: float) -> np.ndarray:
    """Calls per hour: a working day with a peak after noon, a fifth of it at night, and half on a weekend."""
    of_day = 0.2 + 0.8 * np.exp(-(((hours % 24) - 13) ** 2) / 18)
    return size * of_day * np.where((hours // 24) % 7 < 5, 1.0, 0.5)


def calls(groups: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events of all products, and the planted hours: `product`, `start` and `factor`."""
    random = np.random.default_rng(seed)
    hours = np.arange(WEEKS * 168)
    first = (WEEKS - JUDGED_WEEKS) * 168
    frames, planted = [], []
    for number in range(groups):
        rates = expected_calls(hours, 4.0 * 2 ** (number % 5))
        chosen = random.choice(
            np.arange(first + 2, hours[-1] - 2, 4), len(FACTORS) * BURSTS_EACH, replace=False
        )
        for hour, factor in zip(chosen, FACTORS * BURSTS_EACH, strict=True):
            rates[hour] *= factor
            planted.append((f"product-{number}", START + timedelta(hours=int(hour)), factor))
        counts = random.poisson(rates)
        seconds = np.repeat(hours * 3600.0, counts) + random.uniform(0, 3600, counts.sum())
        costs = random.lognormal(math.log(0.01), 0.8, counts.sum())
        frames.append(
            pl.DataFrame(
                {
                    "event_id": [f"{number}-{call}" for call in range(counts.sum())],
                    "started_at": [START + timedelta(seconds=float(second)) for second in seconds],
                    "cost_usd": [Decimal(f"{cost:.6f}") for cost in costs],
                    "product": f"product-{number}",
                },
                schema_overrides={name: NO_EVENTS.schema[name] for name in ("started_at", "cost_usd")},
            )
        )
    schema = {"product": pl.String, "start": NO_EVENTS.schema["started_at"], "factor": pl.Int64}
    return pl.concat([NO_EVENTS, *frames], how="diagonal"), pl.DataFrame(planted, schema=schema, orient="row")


def judged(events: pl.DataFrame, sensitivity: int) -> pl.DataFrame:
    """The intervals of a rule on the hourly cost of each product in the judged weeks: `product`, `fired_at`."""
    about = {"name": "unusual", "metric": "total_cost", "window": "1h", "group_by": ["product"], "for": "10m"}
    [rule] = AnomalyRule.model_validate(about | {"anomaly": {"sensitivity": sensitivity}}).judged()
    found = evaluate(rule, events, START + timedelta(weeks=WEEKS))
    return found.filter(pl.col("fired_at") >= START + timedelta(weeks=WEEKS - JUDGED_WEEKS)).select(
        pl.col("group").str.json_path_match("$.product").alias("product"), "fired_at"
    )


def main(groups: int = 10, seed: int = 1) -> None:
    """Measure and print."""
    events, planted = calls(groups, seed)
    sys.stdout.write(f"{len(events)} calls of {groups} products in {WEEKS} weeks, seed {seed}\n")
    titles = "".join(f"{f'x{factor} found':>12}" for factor in FACTORS)
    sys.stdout.write(f"{'sensitivity':>11}{'false alarms per product and week':>36}{titles}\n")
    for sensitivity in SENSITIVITIES:
        fired = judged(events, sensitivity).with_row_index()
        # An hourly window holds a burst's calls until an hour after it.
        hits = fired.join(planted, on="product").filter(
            pl.col("fired_at").is_between(pl.col("start"), pl.col("start") + timedelta(hours=2))
        )
        false_count = len(fired) - hits["index"].n_unique()
        found = hits.select("product", "start", "factor").unique().group_by("factor").len()
        shares = {factor: count / (groups * BURSTS_EACH) for factor, count in found.iter_rows()}
        figures = "".join(f"{shares.get(factor, 0.0):>12.0%}" for factor in FACTORS)
        sys.stdout.write(f"{sensitivity:>11}{false_count / groups / JUDGED_WEEKS:>36.2f}{figures}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

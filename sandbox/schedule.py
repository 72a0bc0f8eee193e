"""When calls happen: busy weekdays, quiet nights.

What belongs here: drawing times of calls and naming the midnights around them. What does not: who calls.
"""

import random
from datetime import UTC, datetime, time, timedelta

HOUR_WEIGHTS = (3, 2, 2, 2, 3, 5, 9, 16, 26, 34, 38, 37, 34, 38, 41, 40, 36, 28, 19, 13, 10, 8, 6, 4)
"""Relative traffic of the hours of a day, UTC."""
WEEKEND_SHARE = 0.4


def midnight(moment: datetime) -> datetime:
    """Start of the UTC day of a moment."""
    return datetime.combine(moment.date(), time(), UTC)


def draw_times(rng: random.Random, start: datetime, end: datetime, count: int) -> list[datetime]:
    """Draw `count` moments in [start, end), in order, with the daily and weekly shape of office traffic."""
    hours: list[datetime] = []
    weights: list[float] = []
    hour = start
    while hour < end:
        hours.append(hour)
        length = min(end - hour, timedelta(hours=1)) / timedelta(hours=1)
        weekend = WEEKEND_SHARE if hour.weekday() >= 5 else 1.0
        weights.append(HOUR_WEIGHTS[hour.hour] * weekend * length)
        hour += timedelta(hours=1)
    drawn = rng.choices(hours, weights, k=count)
    return sorted(
        chosen
        + timedelta(
            microseconds=rng.randrange(
                (min(end, chosen + timedelta(hours=1)) - chosen) // timedelta(microseconds=1)
            )
        )
        for chosen in drawn
    )

"""Meterhouse SDK: meter every AI call of an application, and say who it was for.

The names below are the public interface; the modules behind them may change.
"""

from meterhouse_sdk.context import AttributedThreadPoolExecutor, attribute, carry
from meterhouse_sdk.metering import configure, flush, meter, stats
from meterhouse_sdk.wrapping import wrap

__all__ = [
    "AttributedThreadPoolExecutor",
    "attribute",
    "carry",
    "configure",
    "flush",
    "meter",
    "stats",
    "wrap",
]
__version__ = "0.1.0"

"""Meterhouse SDK: meter every AI call of an application, and say who it was for.

The names below are the public interface; the modules behind them may change.
"""

from meterhouse_sdk.batches import meter_batch_results
from meterhouse_sdk.context import AttributedThreadPoolExecutor, attribute, carry
from meterhouse_sdk.guarding import BudgetExceeded, CallBlocked, ControlsUnknown, guard
from meterhouse_sdk.langchain_calls import langchain_handler
from meterhouse_sdk.litellm_calls import litellm_logger
from meterhouse_sdk.metering import meter, outcome
from meterhouse_sdk.process import configure, flush, stats
from meterhouse_sdk.tools import tool
from meterhouse_sdk.wrapping import wrap

__all__ = [
    "AttributedThreadPoolExecutor",
    "BudgetExceeded",
    "CallBlocked",
    "ControlsUnknown",
    "attribute",
    "carry",
    "configure",
    "flush",
    "guard",
    "langchain_handler",
    "litellm_logger",
    "meter",
    "meter_batch_results",
    "outcome",
    "stats",
    "tool",
    "wrap",
]
__version__ = "0.1.0"

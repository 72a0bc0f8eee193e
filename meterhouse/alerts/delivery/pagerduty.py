"""PagerDuty: one incident there per incident here, by its Events API v2.

The incident's id is the deduplication key, so what is sent twice opens nothing twice. What belongs here: that API's
body. What does not: the request (`posting.py`).
"""

import json
from functools import partial

from meterhouse.alerts.delivery.contract import Message, NotConfiguredError, Send
from meterhouse.alerts.delivery.posting import post_json
from meterhouse.settings import Settings

LONGEST_SUMMARY = 1024
_MEND = "set METERHOUSE_PAGERDUTY_ROUTING_KEY to the integration key of an Events API v2 integration"


def open_channel(settings: Settings) -> Send:
    """The channel `pagerduty`.

    Raises:
        NotConfiguredError: The routing key is missing.
    """
    if settings.pagerduty_routing_key is None:
        raise NotConfiguredError("The channel pagerduty is not set up: set METERHOUSE_PAGERDUTY_ROUTING_KEY.")
    key = settings.pagerduty_routing_key.get_secret_value()
    return partial(post, settings.pagerduty_url, key, settings.console_url)


def post(url: str, routing_key: str, console_url: str, message: Message) -> None:
    """Trigger an incident, or resolve it when the message says that it is over.

    Raises:
        FailedError: PagerDuty did not answer, was busy or broken.
        RefusedError: It will never take this message.
    """
    body = {
        "routing_key": routing_key,
        "event_action": "resolve" if message.is_over else "trigger",
        "dedup_key": message.alert_id,
        "client": "Meterhouse",
        "client_url": console_url,
        "payload": {
            "summary": message.title[:LONGEST_SUMMARY],
            "source": "meterhouse",
            "severity": "warning" if message.facts.get("severity") == "warning" else "critical",
            "custom_details": dict(message.lines) | {"Next": message.next_step or "nothing"},
        },
    }
    post_json("PagerDuty", url, json.dumps(body).encode(), {}, _MEND)

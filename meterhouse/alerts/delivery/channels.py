"""The channels a rule can notify, by name."""

from collections.abc import Callable

from meterhouse.alerts.delivery import email, pagerduty, slack, webhook
from meterhouse.alerts.delivery.contract import Send
from meterhouse.settings import Settings

CHANNELS: dict[str, Callable[[Settings], Send]] = {
    "slack": slack.open_channel,
    "webhook": webhook.open_channel,
    "email": email.open_channel,
    "pagerduty": pagerduty.open_channel,
}


ONE_PER_INCIDENT = frozenset({"pagerduty"})
"""Channels read by programs that open and close an incident of their own for each of ours: nothing is folded there."""


def open_channel(settings: Settings, name: str) -> Send:
    """The function that hands messages to the channel of this name.

    Raises:
        NotConfiguredError: The channel lacks its settings.
    """
    return CHANNELS[name](settings)

"""Alerts: rules over metered events, the incidents they find, and the messages that tell of them."""

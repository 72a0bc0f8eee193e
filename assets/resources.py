"""The resource through which assets and sensors reach the installation: its settings."""

import dagster as dg

from meterhouse.settings import Settings


class Installation(dg.ConfigurableResource[Settings]):
    """Where this installation lives. Settings are read when a step runs, so that code loads with none."""

    def settings(self) -> Settings:
        """The settings as the environment has them now."""
        return Settings()

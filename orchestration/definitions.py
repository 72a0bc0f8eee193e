"""Everything Dagster knows, built by one function of nothing but the code: it loads with no credentials."""

import dagster as dg

from assets import marts, metered_events, provider_pulls, published, quality
from assets.resources import Installation
from orchestration.progress import progress_logger
from sensors.alert_rules import build_alert_sensor
from sensors.new_event_files import build_new_event_files_sensor
from sensors.run_outcomes import build_run_sensors

REFRESH_COSTS = "refresh_costs"
METER_EVENTS = "meter_events"
BUILD_MARTS = "build_marts"


def build_defs() -> dg.Definitions:
    """Assets, jobs, schedules, sensors and resources of the installation."""
    dbt_models = marts.build_dbt_assets()
    mart_keys = [key for key in dbt_models.keys if dbt_models.group_names_by_key[key] == "marts"]
    checks = dg.AssetSelection.checks(*quality.CHECKS)
    built = dg.AssetSelection.groups("seeds", "staging", "intermediate", "marts", "published", "control")
    refresh_costs = dg.define_asset_job(
        REFRESH_COSTS,
        selection=dg.AssetSelection.all(),
        description="The main job: pull every connection, load the hour's event files, build the marts, publish them.",
    )
    meter_events = dg.define_asset_job(
        METER_EVENTS,
        selection=dg.AssetSelection.groups("metering").downstream() - checks,
        description="Load the event files of an hour, build what they touch, publish: an event's way to the marts.",
    )
    build_marts = dg.define_asset_job(
        BUILD_MARTS,
        selection=(dg.AssetSelection.groups("metering") | built) - checks,
        description="Load the event files of an hour, build all marts, publish: the first time, or after an upgrade.",
    )
    return dg.Definitions(
        assets=[
            *provider_pulls.build_all(),
            metered_events.metered_events,
            marts.connections,
            *marts.build_control_tables(),
            dbt_models,
            published.build_published(mart_keys),
        ],
        asset_checks=quality.CHECKS,
        jobs=[refresh_costs, meter_events, build_marts],
        schedules=[
            dg.build_schedule_from_partitioned_job(
                refresh_costs,
                name="hourly_refresh",
                minute_of_hour=5,
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ],
        sensors=[
            build_alert_sensor("alert_rules"),
            build_alert_sensor("alert_rules_relief"),
            build_new_event_files_sensor(meter_events, build_marts),
            *build_run_sensors(),
        ],
        resources={"installation": Installation(), "dbt": marts.dbt_resource()},
        executor=dg.in_process_executor,
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
    )


defs = build_defs()

"""Asset checks on what was pulled and loaded: one step for all provider pulls, one for metered events.

They tell, and hold nothing up: whether marts may be published is for dbt's tests to say, and one provider's trouble is
no reason to keep the others back. Logic is in `meterhouse.quality`. They run with the main job and by hand, not with
every arrival of event files, since an event's way to the marts is to be short.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from assets.provider_pulls import pulled_days
from assets.resources import Installation
from dlt_sources.registry import PROVIDERS
from meterhouse.events.kinds import EVENTS
from meterhouse.quality import event_files, pulls
from meterhouse.quality.freshness import Freshness, check_freshness
from meterhouse.quality.rules import Finding, Rule

FRESH = "data_fresh"
_EVENTS = dg.AssetKey(["metering", EVENTS.name])


def _spec(rule: Rule, asset: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(rule.name, asset=asset, description=rule.holds)


def _fresh_spec(asset: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        FRESH,
        asset=asset,
        description="The newest data of each connection are no older than is usual for it.",
    )


@dg.multi_asset_check(
    name="pull_quality",
    specs=[
        spec
        for asset in map(pulled_days, PROVIDERS)
        for spec in (*(_spec(rule, asset) for rule in pulls.RULES), _fresh_spec(asset))
    ],
    can_subset=True,
    pool="warehouse",
)
def pull_quality(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> Iterator[dg.AssetCheckResult]:
    """The last pull of each connection, and how fresh its data are; providers without connections tell nothing."""
    settings, wanted = installation.settings(), context.selected_asset_check_keys
    for name, provider in PROVIDERS.items():
        asset = pulled_days(name)
        names = {key.name for key in wanted if key.asset_key == asset}
        if names - {FRESH}:
            for finding in pulls.check_pulls(settings, provider):
                if finding.rule.name in names:
                    yield _result(finding, asset)
        if FRESH in names and (judged := check_freshness(settings, provider, datetime.now(UTC))):
            yield _fresh_result(judged, asset)


@dg.multi_asset_check(
    name="event_quality",
    specs=[_spec(rule, _EVENTS) for rule in event_files.RULES],
    can_subset=True,
    pool="warehouse",
)
def event_quality(
    context: dg.AssetCheckExecutionContext, installation: Installation
) -> Iterator[dg.AssetCheckResult]:
    """The hours of arrival of which files were loaded lately."""
    names = {key.name for key in context.selected_asset_check_keys}
    for finding in event_files.check_event_files(installation.settings(), datetime.now(UTC)):
        if finding.rule.name in names:
            yield _result(finding, _EVENTS)


CHECKS = [pull_quality, event_quality]


def _result(finding: Finding, asset: dg.AssetKey) -> dg.AssetCheckResult:
    is_warning = finding.rule.severity == "warning"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=finding.rule.name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
        description=finding.sentence,
        metadata={"judged": finding.judged_count, "broken": len(finding.broken)},
    )


def _fresh_result(judged: list[Freshness], asset: dg.AssetKey) -> dg.AssetCheckResult:
    stale = [one for one in judged if not one.is_fresh]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=FRESH,
        passed=not stale,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(f"{one.sentence} {one.next_step or ''}".strip() for one in stale or judged),
        metadata={one.connection: one.sentence for one in judged},
    )

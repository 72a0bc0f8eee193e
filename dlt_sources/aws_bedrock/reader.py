"""How Bedrock's tables are fetched: which days, which regions, which service.

What belongs here: what ties the form to the questions. What does not: the questions (`cost_explorer.py`,
`cloudwatch.py`) and the calls (`client.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from dlt_sources.aws_bedrock.client import Account, AwsClient, open_account
from dlt_sources.aws_bedrock.cloudwatch import Point, prove_reading, still_listed, token_points
from dlt_sources.aws_bedrock.cost_explorer import REGION, cost_days, model_cost_days
from dlt_sources.aws_bedrock.form import AwsBedrockCredentials
from dlt_sources.aws_bedrock.invocation_logs import LastImported, log_objects
from dlt_sources.aws_bedrock.tables import INFERENCE_PROFILES
from dlt_sources.buckets import Clock, begun_days, whole_days
from dlt_sources.contract import Day, Dimension, LogObject, Report, Rights, Row, Window
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


@dataclass(frozen=True)
class BedrockReader:
    """Reads Bedrock's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def costs(self, form: AwsBedrockCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window."""
        asked = begun_days(window, self.clock())
        if asked:
            yield from cost_days(self._cost_explorer(form), asked)

    def model_costs(self, form: AwsBedrockCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window on which AWS tells models apart."""
        asked = begun_days(window, self.clock())
        if asked:
            yield from model_cost_days(self._cost_explorer(form), asked)

    def token_metrics(self, form: AwsBedrockCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window whose metrics are still listed, all regions together."""
        asked = still_listed(begun_days(window, self.clock()), self.clock())
        if not asked:
            return
        account = open_account(form, self.patience)
        points = self._points(account, asked)
        yield from whole_days(asked, ((day, [row]) for day, row in points), "token_metrics")

    def inference_profiles(self, form: AwsBedrockCredentials) -> Iterator[Row]:
        """The account's own inference profiles of every region."""
        account = open_account(form, self.patience)
        for region in form.region_names:
            pages = account.client("bedrock", region).pages(
                "ListInferenceProfiles", "nextToken", typeEquals="APPLICATION"
            )
            for page in pages:
                for profile in page.get("inferenceProfileSummaries", []):
                    shown = {
                        f"inference_profile_{part}": profile.get(f"inferenceProfile{part.title()}")
                        for part in ("arn", "id", "name")
                    }
                    models = [model["modelArn"] for model in profile.get("models", [])]
                    shown |= {"region": region, "status": profile.get("status"), "models": models}
                    yield INFERENCE_PROFILES.row(shown | {"type": profile.get("type")})

    def invocation_logs(
        self, form: AwsBedrockCredentials, location: str | None, last_imported: LastImported
    ) -> Iterator[LogObject]:
        """Objects of the invocation logs that may be new, oldest first in each account and region."""
        if place := location or form.invocation_logs:
            client = open_account(form, self.patience).client("s3", form.region_names[0])
            yield from log_objects(client, place, last_imported, self.clock())

    def check(
        self, reports: Iterable[Report], dimensions: Iterable[Dimension], form: AwsBedrockCredentials
    ) -> Rights:
        """Whose account it is, and that costs, the metrics of every region and the invocation logs may be read."""
        account, today = open_account(form, self.patience), self.clock().date()
        identity = account.client("sts", form.region_names[0]).ask("GetCallerIdentity")
        readable = readable_tables(form, reports, dimensions, today)
        for region in form.region_names:
            prove_reading(account.client("cloudwatch", region), today - timedelta(days=1))
        for logged in self.invocation_logs(form, None, lambda _: None):
            logged.read()
            break
        return Rights(account_id=identity["Account"], account_name=None, readable=readable)

    def _cost_explorer(self, form: AwsBedrockCredentials) -> AwsClient:
        return open_account(form, self.patience).client("ce", REGION)

    @staticmethod
    def _points(account: Account, asked: list[date]) -> Iterator[Point]:
        for region in account.form.region_names:
            yield from token_points(account.client("cloudwatch", region), asked)

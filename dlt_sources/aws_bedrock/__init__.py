"""AWS Bedrock: what an AWS account is billed for it, and the tokens CloudWatch counted.

Data flow: Cost Explorer → `raw_aws_bedrock.{costs,model_costs}`; CloudWatch of each region → `token_metrics`;
Bedrock of each region → `inference_profiles`. Invocation logs in S3 → metered events of the dialect `bedrock_log`.
Secret: an access key that may read costs and metrics. Runs alone: `python -m dlt_sources.aws_bedrock --help`.
"""

from datetime import timedelta
from functools import partial

from dlt_sources.aws_bedrock.form import AwsBedrockCredentials
from dlt_sources.aws_bedrock.reader import BedrockReader
from dlt_sources.aws_bedrock.tables import COSTS, INFERENCE_PROFILES, MODEL_COSTS, TOKEN_METRICS
from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import CallLogs, Dimension, Provider, Report
from dlt_sources.http import Patience

TRIES = 4
"""A try that reaches Cost Explorer costs money."""


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """AWS Bedrock as a provider, reading with the given clock and patience."""
    reader = BedrockReader(clock, patience or Patience(tries=TRIES))
    reports = (
        Report(
            "costs",
            "What AWS bills for Bedrock per day, service and usage type; credits, tax and refunds by record type.",
            COSTS.columns,
            reader.costs,
        ),
        Report(
            "model_costs",
            "The same usage as AWS itself tells models and inference types apart, since September 2026.",
            MODEL_COSTS.columns,
            reader.model_costs,
        ),
        Report(
            "token_metrics",
            "Calls, tokens and images per hour, region and model, of the last two weeks at each pull.",
            TOKEN_METRICS.columns,
            reader.token_metrics,
        ),
    )
    dimensions = (
        Dimension(
            "inference_profiles",
            "Inference profiles of the account's own, and the models behind them.",
            INFERENCE_PROFILES.columns,
            "inference_profile_arn",
            reader.inference_profiles,
        ),
    )
    return Provider(
        name="aws_bedrock",
        title="AWS Bedrock",
        credentials=AwsBedrockCredentials,
        reports=reports,
        dimensions=dimensions,
        check=partial(reader.check, reports, dimensions),
        lookback=timedelta(days=46),
        freshness=timedelta(days=4),
        history=timedelta(days=62),
        call_logs=CallLogs("bedrock_log", reader.invocation_logs),
        interval=timedelta(hours=8),
    )


provider = build_provider()

"""BigQuery: the table that is read, and the rows of a query, page by page, as text.

google-cloud-bigquery words the requests and unpacks the answers; they travel through our own patient session, and
every page is read here, failing closed. What does not belong here: what is asked (`export.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery.table import RowIterator
from requests import RequestException, Response

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import Api, broken_contract, scrubber
from dlt_sources.google.form import GoogleCredentials
from dlt_sources.google.sign_in import BIGQUERY_SCOPE, SIGN_IN_STEP, GoogleSession, reason_of, signed_in
from dlt_sources.http import PAGE_CAP, Patience

ROWS_PER_PAGE = 10_000
_GIB = 2**30
_SESSION_RETRIES: Any = None
"""No retries of the client's own: the session under it has them."""

Parameter = str | datetime | Sequence[str]
"""Value of a query parameter: text, an instant, or a list of texts."""


class BigQuerySession(GoogleSession):
    """Knows what BigQuery's refusals mean for the form."""

    def __init__(self, form: GoogleCredentials, token: str, patience: Patience) -> None:
        super().__init__(_api(form), token, patience)
        self._form = form

    def failure(self, answer: Response | RequestException, path: str) -> ProviderError:
        """What the last answer means."""
        general = super().failure(answer, path)
        return _for_the_form(self._form, general, reason_of(answer))


@dataclass(frozen=True)
class BigQuery:
    """BigQuery, signed in as the form's service account."""

    form: GoogleCredentials
    client: bigquery.Client
    patience: Patience

    def table(self) -> bigquery.Table:
        """The export's table as BigQuery describes it: columns, partitions, kind.

        Raises:
            ProviderError: it is not there, or may not be looked at.
        """
        project, dataset, table = self.form.table_parts
        try:
            described = self.client.get_table(
                bigquery.DatasetReference(project, dataset).table(table),
                retry=_SESSION_RETRIES,
                timeout=self.patience.timeout,
            )
            _require_texts(described.schema)
            return described
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise broken_contract(
                f"BigQuery describes the table unreadably ({type(error).__name__})."
            ) from None

    def rows(self, sql: str, parameters: dict[str, Parameter]) -> Iterator[dict[str, Any]]:
        """Every row of a query; the query selects texts alone, so that no value becomes a float on its way.

        Raises:
            ProviderError: the query was refused or failed, a page could not be read, pages go in a circle, do not
                end, or hold fewer rows than the result was said to have.
        """
        try:
            yield from self._rows(sql, parameters)
        except GoogleAPICallError as error:
            failure = self._job_failure(error)
        except NotInTime:
            failure = ProviderError(
                Fault.UNAVAILABLE, "BigQuery did not finish a query in time.", "The next sync tries again."
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            failure = broken_contract(f"BigQuery answered a query unreadably ({type(error).__name__}).")
        else:
            return
        raise failure

    def _rows(self, sql: str, parameters: dict[str, Parameter]) -> Iterator[dict[str, Any]]:
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in parameters.items()],
            maximum_bytes_billed=self.form.max_gib_billed * _GIB,
            labels={"application": "meterhouse"},
        )
        result = self.client.query_and_wait(
            sql,
            job_config=config,
            location=self.form.location,
            page_size=ROWS_PER_PAGE,
            api_timeout=self.patience.timeout,
            wait_timeout=self.patience.deadline,
            retry=_SESSION_RETRIES,
            job_retry=_SESSION_RETRIES,
        )
        if type(result) is not RowIterator:
            raise broken_contract("BigQuery answered a query without saying how many rows there are.")
        names, seen, count = [field.name for field in result.schema], set(), 0
        for page in result.pages:
            for row in page:
                count += 1
                yield {name: row[name] for name in names}
            token = result.next_page_token
            if token is None:
                break
            if token in seen:
                raise broken_contract("The pages of a query in BigQuery go in a circle: a token came twice.")
            seen.add(token)
            if len(seen) >= PAGE_CAP:
                raise broken_contract(
                    f"The pages of a query in BigQuery do not end: {PAGE_CAP} were read and more follow."
                )
        if count != result.total_rows:
            raise broken_contract(
                f"BigQuery said that a query has {result.total_rows} rows, but its pages hold {count}."
            )

    def _job_failure(self, error: GoogleAPICallError) -> ProviderError:
        """What a query means that was taken but did not finish well."""
        reason = error.errors[0].get("reason") if error.errors else None
        words = scrubber(self.form.service_account_json.get_secret_value())(str(error.message))
        general = ProviderError(
            Fault.UNAVAILABLE,
            f"BigQuery did not finish a query ({reason}): {words}",
            "The next sync tries again.",
        )
        return _for_the_form(self.form, general, reason)


def open_bigquery(form: GoogleCredentials, patience: Patience) -> BigQuery:
    """Sign in; no credentials, project or address of the machine are looked for.

    Raises:
        ProviderError: Google does not take the service account.
    """
    token = signed_in(form, BIGQUERY_SCOPE, patience)
    client = bigquery.Client(
        project=form.job_project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        _http=BigQuerySession(form, token, patience),
        client_options=ClientOptions(api_endpoint=form.bigquery_url),
    )
    return BigQuery(form, client, patience)


def _api(form: GoogleCredentials) -> Api:
    account, dataset = form.service_account["client_email"], ".".join(form.table_parts[:2])
    return Api(
        title="BigQuery",
        credentials_step=SIGN_IN_STEP,
        permission_step=f"In Google Cloud grant {account} the role BigQuery Job User on the project "
        f"{form.job_project}, and BigQuery Data Viewer on the dataset {dataset}; it takes some minutes to work.",
    )


def _for_the_form(form: GoogleCredentials, general: ProviderError, reason: str | None) -> ProviderError:
    """A refusal that the form's owner can mend, said in the form's words; any other as it is."""
    if reason == "bytesBilledLimitExceeded":
        sentence = f"A query would read more than the {form.max_gib_billed} GiB that the connection allows."
        step = "Pull fewer days at once, or raise `max_gib_billed` in the connection; nothing was billed."
        return ProviderError(Fault.CONTRACT, sentence, step)
    if reason == "notFound":
        sentence = (
            f"BigQuery finds no export {form.table} in the location {form.location} ({general.message})"
        )
        step = (
            "See under Billing → Billing export that the usage cost export is on, and where it goes; enter the "
            "table's id and its dataset's location. The table appears some hours after the export was switched on."
        )
        return ProviderError(Fault.CREDENTIALS, sentence, step)
    return general


def _require_texts(schema: Iterable[bigquery.SchemaField]) -> None:
    """Look at every field now: the client keeps a description that is none, and fails when it is looked at.

    Raises:
        TypeError, AttributeError: a name, type or mode is no text.
    """
    for field in schema:
        for said in (field.name, field.field_type, field.mode):
            if not isinstance(said, str):
                raise TypeError(f"{said!r} is no text")
        _require_texts(field.fields)


def _parameter(name: str, value: Parameter) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, str):
        return bigquery.ScalarQueryParameter(name, "STRING", value)
    if isinstance(value, datetime):
        return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
    return bigquery.ArrayQueryParameter(name, "STRING", list(value))

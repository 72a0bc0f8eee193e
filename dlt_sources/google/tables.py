"""Google's tables and their fields.

Source: contract Google §2.2, §2.6. What does not belong here: how they are fetched.
"""

from dlt_sources.rows import Kind, RowShape

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG

EXPORT_FIELDS: dict[str, Kind] = {
    "billing_account_id": _T,
    "service.id": _T,
    "service.description": _T,
    "sku.id": _T,
    "sku.description": _T,
    "usage_start_time": _T,
    "usage_end_time": _T,
    "project.id": _T,
    "project.number": _T,
    "project.name": _T,
    "project.ancestry_numbers": _T,
    "project.labels": _T,
    "project.ancestors": _T,
    "labels": _T,
    "system_labels": _T,
    "tags": _T,
    "location.location": _T,
    "location.country": _T,
    "location.region": _T,
    "location.zone": _T,
    "resource.name": _T,
    "resource.global_name": _T,
    "cost": _D,
    "currency": _T,
    "currency_conversion_rate": _D,
    "cost_type": _T,
    "invoice.month": _T,
    "invoice.publisher_type": _T,
    "adjustment_info.id": _T,
    "adjustment_info.description": _T,
    "adjustment_info.mode": _T,
    "adjustment_info.type": _T,
    "export_time": _T,
    "transaction_type": _T,
    "seller_name": _T,
    "consumption_model.id": _T,
    "consumption_model.description": _T,
    "subscription.instance_id": _T,
    "usage.amount": _D,
    "usage.unit": _T,
    "usage.amount_in_pricing_units": _D,
    "usage.pricing_unit": _T,
    "cost_at_list": _D,
    "cost_at_effective_price_default": _D,
    "cost_at_list_consumption_model": _D,
    "price.effective_price": _D,
    "price.effective_price_default": _D,
    "price.list_price": _D,
    "price.list_price_consumption_model": _D,
    "price.tier_start_amount": _D,
    "price.unit": _T,
    "price.pricing_unit_quantity": _D,
}
"""What is read of an export, as far as the table has it: standard ones have no `resource`, old ones no `price`."""

NEEDED_FIELDS = (
    "service.id", "service.description", "sku.description", "usage_start_time", "cost", "currency",
    "currency_conversion_rate", "cost_type", "export_time", "credits",
)  # fmt: skip
"""A table without these is no usage cost export."""

CREDIT_FIELDS = ("id", "full_name", "type", "name", "amount")


def column(path: str) -> str:
    """How a field of the export is named here; the cost is an amount, as a credit is one."""
    return "amount" if path == "cost" else path.replace(".", "_")


_QUANTITIES = ("cost_at_", "price.", "usage.")
OF_THE_COST_ALONE = frozenset(column(path) for path in EXPORT_FIELDS if path.startswith(_QUANTITIES))
"""Columns that say how the cost came about; a credit on it has none of its own."""

COSTS = RowShape(
    "costs",
    {"is_credit": _F}
    | {column(path): kind for path, kind in EXPORT_FIELDS.items()}
    | {f"credit_{name}": _T for name in CREDIT_FIELDS if name != "amount"},
)

TOKEN_METRICS = RowShape(
    "token_metrics",
    {"project_id": _T, "model_user_id": _T, "type": _T, "start_time": _T, "end_time": _T, "value": _N},
)

"""PiAPI's books of the world: every charge as a task, in points.

What belongs here: the task of a charge (contract PiAPI §4). What does not: amounts (`sandbox.books`), answers (`api`).
"""

from decimal import Decimal

from sandbox.books import Charge
from sandbox.catalogue import Model
from sandbox.piapi.books import POINTS_PER_USD, PiAPIBooks, Task
from sandbox.services import MEDIA
from sandbox.world import World

CREDITS_BOUGHT_USD = Decimal(1_000)
FIRST_TASK_ID = 90_000_000


def piapi_books(world: World) -> PiAPIBooks:
    """What PiAPI shows of the world."""
    charges = [charge for charge in world.charges if charge.account == MEDIA.account]
    spent = sum((charge.amount_usd for charge in charges), Decimal(0))
    return PiAPIBooks(
        now=world.now,
        tasks=[
            _task(FIRST_TASK_ID + number, charge, charge.model)
            for number, charge in enumerate(charges)
            if charge.model is not None
        ],
        balance_usd=CREDITS_BOUGHT_USD - spent,
    )


def _task(number: int, charge: Charge, model: Model) -> Task:
    points = int(charge.amount_usd * POINTS_PER_USD)
    return Task(
        id=number,
        task_id=f"task-{charge.call_id}",
        task_model=model.asked,
        action=model.billed,
        status="finished",
        created_at=charge.booked_at,
        usage=points,
        api_key_id=int(MEDIA.key or 0),
        frozen=points,
        consumed=points,
    )

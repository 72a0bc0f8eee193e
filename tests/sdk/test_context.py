"""Attribution: nested blocks merge, and reach exactly the calls made inside them."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhouse_sdk import AttributedThreadPoolExecutor, attribute, carry, stats
from meterhouse_sdk.context import current
from meterhouse_sdk.fields import ATTRIBUTION_FIELDS

values = st.none() | st.sampled_from(["a", "b", "c"])
blocks = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(ATTRIBUTION_FIELDS[:4]), values),
        st.dictionaries(st.sampled_from(["x", "y", "z"]), values),
    ),
    max_size=6,
)


@given(blocks)
def test_the_innermost_value_of_each_key_wins_and_leaving_a_block_restores_what_was(nested):
    def check(depth):
        fields, metadata = {}, {}
        for inner_fields, inner_metadata in nested[:depth]:
            fields.update(inner_fields)
            metadata.update(inner_metadata)
        in_force = dict(current())
        assert in_force.pop("metadata", {}) == {
            key: value for key, value in metadata.items() if value is not None
        }
        assert in_force == {key: value for key, value in fields.items() if value is not None}

    def enter(depth):
        check(depth)
        if depth < len(nested):
            fields, metadata = nested[depth]
            with attribute(metadata=metadata, **fields):
                enter(depth + 1)
            check(depth)

    enter(0)


def test_tasks_that_run_at_the_same_time_keep_their_own_attribution():
    async def task(customer):
        with attribute(customer=customer):
            await asyncio.sleep(0)
            return current()["customer"]

    async def all_tasks():
        return await asyncio.gather(*(task(f"c{number}") for number in range(50)))

    assert asyncio.run(all_tasks()) == [f"c{number}" for number in range(50)]
    assert not current()


def test_a_plain_thread_has_no_attribution_and_a_carried_function_has_that_of_its_maker():
    seen = []
    with attribute(customer="acme"):
        threads = [
            threading.Thread(target=target)
            for target in (lambda: seen.append(dict(current())), carry(lambda: seen.append(dict(current()))))
        ]
    for thread in threads:
        thread.start()
        thread.join()
    assert seen == [{}, {"customer": "acme"}]


def test_a_carried_function_runs_in_many_threads_at_once():
    barrier = threading.Barrier(4, timeout=10)

    def work(_):
        barrier.wait()
        return current()["customer"]

    with attribute(customer="acme"):
        carried = carry(work)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(carried, range(4))) == ["acme"] * 4


def test_a_pool_gives_each_task_the_attribution_it_was_submitted_under():
    with AttributedThreadPoolExecutor(2) as pool:
        futures = []
        for number in range(20):
            with attribute(customer=f"c{number}"):
                futures.append(pool.submit(lambda: current()["customer"]))
        with attribute(customer="mapped"):
            mapped = list(pool.map(lambda _: current()["customer"], range(3)))
        assert [future.result() for future in futures] == [f"c{number}" for number in range(20)]
        assert mapped == ["mapped"] * 3
        assert pool.submit(lambda: dict(current())).result() == {}


def test_a_decorated_function_and_coroutine_run_under_the_attribution_even_recursively():
    @attribute(agent="planner", metadata={"run": 1})
    def plan(depth):
        with attribute(metadata={"depth": depth}):
            return plan(depth - 1) if depth else dict(current())

    @attribute(agent="planner")
    async def plan_later():
        await asyncio.sleep(0)
        return dict(current())

    assert plan(2) == {"agent": "planner", "metadata": {"run": 1, "depth": 0}}
    assert asyncio.run(plan_later()) == {"agent": "planner"}
    assert plan.__name__ == "plan"
    assert not current()


def test_a_generator_cannot_be_decorated_as_its_caller_would_run_under_its_attribution():
    with pytest.raises(TypeError, match="cannot decorate the generator words"):

        @attribute(agent="x")
        def words():
            yield "w"


def test_a_name_that_is_no_attribution_is_kept_under_metadata_and_counted(landing):
    with attribute(custmer="acme"):
        assert current() == {"metadata": {"custmer": "acme"}}
    assert stats()["unknown_fields"] == 1

"""How many bytes of bodies a session holds at a time."""

import asyncio
import random
from contextlib import suppress

import pytest

from workers.fetch.budget import Budget


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_who_finds_room_does_not_wait() -> None:
    async def run() -> None:
        budget = Budget(10)
        for who in "abcde":
            await asyncio.wait_for(budget.take(who, 2), 0.1)

    asyncio.run(run())


def test_when_nothing_is_left_one_goes_on_and_the_others_wait_until_it_is_done() -> None:
    async def run() -> None:
        budget = Budget(10)
        await budget.take("a", 10)
        await budget.take("b", 5)  # nobody would ever make room for it
        await budget.take("b", 500)
        waiting = asyncio.create_task(budget.take("a", 1))
        await settled()
        assert not waiting.done()
        await budget.give_back("b")
        await asyncio.wait_for(waiting, 1)

    asyncio.run(run())


def test_what_was_given_back_is_room_for_others() -> None:
    async def run() -> None:
        budget = Budget(10)
        await budget.take("a", 8)
        await budget.take("b", 8)  # goes on
        waiting = asyncio.create_task(budget.take("c", 4))
        await settled()
        assert not waiting.done()
        await budget.give_back("a")
        await asyncio.wait_for(budget.take("b", 0), 1)
        assert not waiting.done(), "b took more than there is"
        await budget.give_back("b")
        await asyncio.wait_for(waiting, 1)

    asyncio.run(run())


def test_giving_back_nothing_is_allowed() -> None:
    asyncio.run(Budget(1).give_back("nobody"))


def test_who_stops_waiting_takes_nothing() -> None:
    async def run() -> None:
        budget = Budget(10)
        await budget.take("a", 20)
        waiting = asyncio.create_task(budget.take("b", 5))
        await settled()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        await budget.give_back("a")
        await asyncio.wait_for(budget.take("c", 10), 0.1)
        late = asyncio.create_task(budget.take("d", 1))
        await asyncio.wait_for(late, 0.1)  # c did not overdraw, so d may go on alone

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(30))
def test_all_come_to_their_end_and_never_more_is_held_than_the_budget_and_one(seed: int) -> None:
    chance, size, largest = random.Random(seed), 100, 80
    held: dict[int, int] = {}
    most = 0

    async def read(budget: Budget, number: int) -> None:
        nonlocal most
        held[number] = 0
        for _ in range(chance.randrange(1, 9)):
            await budget.take(str(number), 10)
            held[number] += 10
            most = max(most, sum(held.values()))
            await asyncio.sleep(0)
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)
        held[number] = 0
        await budget.give_back(str(number))

    async def run() -> None:
        budget = Budget(size)
        await asyncio.wait_for(asyncio.gather(*(read(budget, number) for number in range(50))), 10)

    asyncio.run(run())
    assert size < most <= size + largest

"""The budget holds whatever is asked and whatever fails."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_generation.providers.budget import Budget, BudgetError, Reservation, Usage

TOKENS = st.integers(0, 30_000)
PRICE = st.floats(0, 20, allow_nan=False)
# Prompt and output that are asked for, and the shares of the reservation that are taken; None: nobody knows.
ATTEMPT = st.tuples(TOKENS, TOKENS, st.one_of(st.none(), st.tuples(st.floats(0, 1), st.floats(0, 1))))


@given(st.integers(0, 100_000), st.floats(0, 2), PRICE, PRICE, st.lists(ATTEMPT, max_size=30))
def test_neither_tokens_nor_dollars_are_ever_exceeded(
    most: int,
    dollars: float,
    price_in: float,
    price_out: float,
    attempts: list[tuple[int, int, tuple[float, float] | None]],
) -> None:
    budget = Budget(most, dollars, price_in, price_out)
    tokens, cost = 0, 0.0
    for prompt, output, shares in attempts:
        try:
            reserved = budget.reserve(prompt, output)
        except BudgetError:
            assert budget.tokens == tokens
            assert budget.cost_usd == pytest.approx(cost, abs=1e-6)
            continue
        assert reserved.output_tokens <= output
        assert budget.tokens <= most and budget.cost_usd <= dollars
        took = Usage(prompt, reserved.output_tokens)
        if shares is not None:
            took = Usage(int(prompt * shares[0]), int(reserved.output_tokens * shares[1]))
        budget.settle(reserved, None if shares is None else took)
        tokens += took.prompt_tokens + took.output_tokens
        cost += (took.prompt_tokens * price_in + took.output_tokens * price_out) / 1e6
        assert budget.tokens == tokens <= most
        assert cost <= dollars + 1e-12
        # Prices are rounded up to a picodollar a token.
        assert cost - 1e-12 <= budget.cost_usd <= min(dollars, cost + tokens * 1e-12 + 1e-12)


def test_output_is_capped_to_what_is_left() -> None:
    budget = Budget(10_000, 100, 1, 1)
    assert budget.reserve(3_000, 50_000).output_tokens == 7_000
    by_money = Budget(10**9, 0.01, 1, 10)
    assert by_money.reserve(1_000, 50_000).output_tokens == 900


def test_a_reservation_counts_until_it_is_settled() -> None:
    budget = Budget(10_000, 100, 1, 1)
    first = budget.reserve(1_000, 8_900)
    with pytest.raises(BudgetError):
        budget.reserve(50, 1_000)
    budget.settle(first, Usage(500, 500))
    assert budget.tokens == 1_000
    budget.settle(budget.reserve(50, 1_000), None)
    assert budget.tokens == 2_050


def test_nothing_is_settled_twice() -> None:
    budget = Budget(10_000, 100, 1, 1)
    reserved = budget.reserve(100, 1_000)
    budget.settle(reserved, Usage(1, 1))
    for again in (reserved, Reservation(99, 100, 1_000)):
        with pytest.raises(ValueError, match="settled"):
            budget.settle(again, Usage(0, 0))
    assert budget.tokens == 2


def test_it_says_in_one_line_what_was_spent_and_that_nothing_is_lost() -> None:
    budget = Budget(1_000, 0.5, 1, 2)
    budget.settle(budget.reserve(200, 700), None)
    with pytest.raises(BudgetError) as caught:
        budget.reserve(200, 700)
    said = str(caught.value)
    assert "900 tokens ($0.0016)" in said and "GEMINI_MAX_TOKENS=1,000" in said and "GEMINI_MAX_COST_USD=0.5" in said
    assert "cache" in said and "\n" not in said


def test_threads_together_stay_within_it() -> None:
    budget = Budget(50_000, 100, 1, 1)

    def spend() -> None:
        for _ in range(50):
            try:
                budget.settle(budget.reserve(10, 500), None)
            except BudgetError:
                return

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 49_000 < budget.tokens <= 50_000

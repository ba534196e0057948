"""What a run may spend, in tokens and in dollars: set aside before every attempt, settled after it, never exceeded.

Money is counted in whole picodollars (a dollar per million tokens is 1,000,000 of them per token), so that nothing is
lost in rounding: prices are rounded up, the limit is rounded down.
"""

import math
import threading
from dataclasses import dataclass

from data_generation.providers.port import ProviderError

_PICODOLLARS = 10**12
_LEAST_OUTPUT = 256  # tokens; an answer with less room than that is no answer, only its price


class BudgetError(ProviderError):
    """The next attempt could cost more than what is left."""

    code = "budget_spent"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one attempt took, in tokens. Thoughts are billed as output."""

    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one attempt may take at most, in tokens."""

    number: int
    prompt_tokens: int
    output_tokens: int  # to be sent as the request's `maxOutputTokens`


class Budget:
    """Tokens and dollars of one run; safe to use from several threads.

    What is reserved counts as spent until it is settled. So the sum of what was spent and of what attempts under way
    may still take stays within both limits, as long as an attempt takes no more than was reserved for it.
    """

    def __init__(
        self, max_tokens: int, max_cost_usd: float, usd_per_million_input: float, usd_per_million_output: float
    ) -> None:
        self._max_tokens = max_tokens
        self._max_cost = math.floor(max_cost_usd * _PICODOLLARS)
        self._input = math.ceil(usd_per_million_input * 1e6)  # picodollars a token
        self._output = math.ceil(usd_per_million_output * 1e6)
        self._tokens = 0
        self._cost = 0
        self._numbers = 0
        self._open: set[int] = set()
        self._lock = threading.Lock()

    @property
    def tokens(self) -> int:
        """Spent and set aside."""
        return self._tokens

    @property
    def cost_usd(self) -> float:
        """Spent and set aside."""
        return self._cost / _PICODOLLARS

    def reserve(self, prompt_tokens: int, output_tokens: int) -> Reservation:
        """Sets aside an upper bound of what an attempt takes; the output is capped to what is left.

        Raises BudgetError where no answer of any use fits in.
        """
        with self._lock:
            room = self._max_tokens - self._tokens - prompt_tokens
            money = self._max_cost - self._cost - prompt_tokens * self._input
            if self._output:
                room = min(room, money // self._output)
            output = min(output_tokens, room)
            if money < 0 or output < min(_LEAST_OUTPUT, output_tokens):
                raise BudgetError(self._said())
            self._numbers += 1
            self._open.add(self._numbers)
            reservation = Reservation(self._numbers, prompt_tokens, output)
            self._add(prompt_tokens, output, 1)
            return reservation

    def settle(self, reservation: Reservation, usage: Usage | None) -> None:
        """Replaces what was set aside by what was taken; None: unknown, so all of it counts as spent.

        Raises ValueError for a reservation that was settled before.
        """
        with self._lock:
            if reservation.number not in self._open:
                raise ValueError("settled before")
            self._open.remove(reservation.number)
            if usage is not None:
                self._add(reservation.prompt_tokens, reservation.output_tokens, -1)
                self._add(usage.prompt_tokens, usage.output_tokens, 1)

    def spent(self) -> str:
        """In words: `12,345 tokens ($0.05)`."""
        return f"{self._tokens:,} tokens (${self.cost_usd:.4f})"

    def _add(self, prompt_tokens: int, output_tokens: int, sign: int) -> None:
        self._tokens += sign * (prompt_tokens + output_tokens)
        self._cost += sign * (prompt_tokens * self._input + output_tokens * self._output)

    def _said(self) -> str:
        return (
            f"the budget of this run is used up: {self.spent()} of GEMINI_MAX_TOKENS={self._max_tokens:,} and "
            f"GEMINI_MAX_COST_USD={self._max_cost / _PICODOLLARS:g} spent or set aside; what was answered is kept in "
            "the cache, so the next run asks only for the rest"
        )

"""A typed query as tokens that still know what `normalize` takes away: currency signs, `+`, `<` and lone hyphens.

Each token also holds its normalised words, so that what is read in tokens can be taken out of the normalised text.
"""

import unicodedata
from dataclasses import dataclass

import regex as re

from core.text.normalize import normalize

_SIGN = r"(?:(?:us|a|c|r|ca|au|nz|hk|s)?\$|[€£¥₹])"
_MARK = rf"(?:{_SIGN}|rs\.?|inr|usd|eur|gbp)"
_NUMBER = (
    r"\d{1,3}(?:,\d{2,3})+(?:\.\d{1,2})?|\d{1,3}(?:\.\d{3})+,\d{1,2}|\d+(?:[.,]\d{1,2})?"  # 1,03,990  1.234,56  49,99
)
_AMOUNT = re.compile(rf"(?P<before>{_MARK})?(?P<number>{_NUMBER})(?P<k>k)?(?P<after>{_MARK}|/-)?(?P<plus>\+)?")
_RANGE = re.compile(
    rf"(?P<before>{_MARK})?(?P<low>{_NUMBER})(?P<low_k>k)?(?P<middle>{_MARK})?-(?P<second>{_MARK})?"
    rf"(?P<high>{_NUMBER})(?P<high_k>k)?(?P<after>{_MARK})?"
)
_APART = re.compile(
    r"(?<=[\p{L}\d])(?=[<>≤≥])|(?<=[<>≤≥])(?=[\d$€£¥₹\p{L}])|(?<=[<>]=)(?=\S)|(?<=\p{L}{4})(?=[$€£¥₹]\d)"
)  # under$50  <50
_SIGN_INSIDE = re.compile(r"[<>≤≥$€£¥₹]")
_SIGNS = re.compile(r"[<>≤≥=+&$€£¥₹-]+")  # no words, and yet they say something
_BEFORE, _AFTER = "\"'“”(,;.:!?[", "”,;.:!?)]"  # `32"` keeps its inches
_DASHES = str.maketrans("–—−‐‑", "-----")

MARKS_BEFORE = frozenset(["$", "€", "£", "¥", "₹", "us$", "rs", "inr", "usd", "eur", "gbp"])
MARKS_AFTER = MARKS_BEFORE | set(
    "dollar dollars buck bucks euro euros rupee rupees quid yen cad aud nzd chf jpy cny sek nok dkk pln".split()  # noqa: SIM905
)
"""Words that make a number an amount of money. `pounds` are weight, unless they are written £."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as written in one token; of a range `20-50`, `value` is its lower end and `high` its upper one."""

    value: float
    high: float | None = None
    is_money: bool = False  # a currency sign or code touches it
    plus: bool = False  # 4+


@dataclass(frozen=True, slots=True)
class Token:
    text: str  # folded, without punctuation around it
    typed: str
    words: tuple[str, ...]  # of the normalised text; none for a lone sign
    amount: Amount | None = None


def tokens_of(raw: str, normal: str) -> list[Token]:
    """The tokens of `raw`, whose words together are those of `normal = normalize(raw)`."""
    text = unicodedata.normalize("NFKC", raw)
    parts = (_APART.sub(" ", text) if _SIGN_INSIDE.search(text) else text).split()
    tokens = [token for token in map(_token, parts) if token.words or _SIGNS.fullmatch(token.text)]
    if [word for token in tokens for word in token.words] == normal.split():
        return tokens
    # Something that only the whole text shows (an exotic space, a sign that becomes a blank): read what is certain.
    return [Token(word, word, (word,), _amount(word)) for word in normal.split()]


def _token(part: str) -> Token:
    if part.isascii() and part.isalpha():  # most words: what follows would say the same of them, more slowly
        word = part.lower()
        return Token(word, part, (word,))
    if part.isascii() and part.isdigit():
        return Token(part, part, (part,), Amount(float(part)))
    folded = part.casefold().translate(_DASHES).lstrip(_BEFORE).rstrip(_AFTER)
    return Token(folded, part.strip(",;!?()"), tuple(normalize(part).split()), _amount(folded))


def _amount(text: str) -> Amount | None:
    found = _AMOUNT.fullmatch(text)
    if found:
        value = _value(found["number"]) * (1_000 if found["k"] else 1)
        return Amount(value, None, bool(found["before"] or found["after"]), bool(found["plus"]))
    found = _RANGE.fullmatch(text)
    if found:
        money = any(found[name] for name in ("before", "middle", "second", "after"))
        low, high = _value(found["low"]), _value(found["high"])
        if found["low_k"] or (found["high_k"] and low < high):  # 40-50k
            low *= 1_000
        return Amount(low, high * 1_000 if found["high_k"] else high, money)
    return None


def _value(number: str) -> float:
    """`1,03,990` and `1.234,56` and `49,99`: a comma before one or two last digits is a decimal one."""
    whole, comma, decimals = number.rpartition(",")
    if comma and len(decimals) <= 2 and "," not in whole:
        return float(f"{whole.replace('.', '')}.{decimals}")
    return float(number.replace(",", ""))

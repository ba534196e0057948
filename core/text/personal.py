"""Whether a text says something about a person: such a text is never suggested to others, however many typed it.

Works on raw and on normalised text. Normalising drops `@`, `+` and parentheses, so the patterns below do not count on
them: `jane.doe@example.com` is `jane.doe example.com`, and `+1 (555) 234-5678` is `1 555 234-5678`.

Each takes a time that grows with the text as the text does, not with its square: what is imported may be of any length.

A shop's numbers must pass: sizes, model numbers, item numbers without separators, and trade item numbers (GTIN) with a
valid check digit. A doubtful number counts as personal only where the text holds nothing else.
"""

from collections.abc import Iterator

import regex as re

from core.text.units import UNITS

_MAIL_HOSTS = (
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|aol|gmx|proton(?:mail)?|live|msn|ymail|rediffmail)\.[a-z.]{2,6}"
    r"|(?:comcast|verizon|att|sbcglobal|bellsouth|cox)\.net|web\.de|mail\.ru|qq\.com"
)
_DOMAIN = (
    r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|info|io|me|eu|uk|de|fr|es|it|nl|ch|at|in|ca|au|ru|cn|jp|br)"
)
_EMAIL = re.compile(
    rf"""
    (?<![^\s@])[^\s@]+@[^\s@]+\.[^\s@]{{2,}}         # raw
    | (?<!\S)\S+\s(?:{_MAIL_HOSTS})(?!\S)             # normalised, of a provider that everybody knows
    | (?<!\S)[a-z0-9]+[.-][a-z0-9.-]+\s{_DOMAIN}(?!\S)  # … with a name of several parts
    | ^[a-z0-9]+\s{_DOMAIN}$                          # … nothing but a name and a domain
    """,
    re.VERBOSE,
)
_UNIT_WORDS = "|".join(sorted({word for unit, others in UNITS.items() for word in (unit, *others.split())}))
_STREET = r"street|avenue|ave|boulevard|blvd|road|lane|terrace|crescent|parkway|pkwy|highway|hwy"
_STREET_NAME = rf"(?:(?!(?:{_UNIT_WORDS}|{_STREET})\b)\p{{L}}[\p{{L}}.'-]*\s|\d+(?:st|nd|rd|th)\s){{1,3}}"
_PERHAPS_STREET = r"st|rd|ln|dr|ct|pl|cir|drive|court|way|place|square|circle"  # goods have these words, too
_HOUSE = r"(?:^|\b(?:to|at|address|deliver|ship)\s)\d{1,5}[a-z]?\s"
_AFTER = r"(?:[\s,]+\#?\d+|[\s,]+(?:apt|apartment|unit|suite|ste|floor)\b|[\s,]+\p{L}+[\s,]+\d{5}\b)"
_ADDRESS = re.compile(
    rf"""
    {_HOUSE}{_STREET_NAME}(?:{_STREET})\.?(?:$|,|{_AFTER}|(?:\s\p{{L}}{{2,}}){{1,2}}$)  # 12 main street
    | {_HOUSE}{_STREET_NAME}(?:st|rd|ln|dr|ct|blvd)\.?$                      # 12 oak dr
    | {_HOUSE}{_STREET_NAME}(?:{_PERHAPS_STREET})\.?{_AFTER}                 # 12 oak drive apt 3
    | ^\d{{1,5}}\s(?:rue|calle|avenida|viale)\s\p{{L}}                       # 12 rue de rivoli
    | \b\p{{L}}{{3,}}(?:strasse|straße|str\.?)\s\d{{1,4}}[a-z]?\b            # hauptstrasse 5
    | \bapt\.?\s?\#?\d+[a-z]?\b | \bapartment\s\#?\d+[a-z]?$                 # apt 4b
    | \bp\.?\s?o\.?\sbox\s\d                                                 # po box 12
    """,
    re.VERBOSE,
)
_STREET_WORD = re.compile(rf"\b(?:{_STREET})\b")
_POSTCODE_AT_THE_END = re.compile(r"\s\d{5}(?:-\d{4})?$")
_PHONE_WORD = re.compile(r"\b(?:phone|call|tel|telephone|mobile|cell|fax|whatsapp|contact)\b")
_NUMBERS = re.compile(
    r"(?<![\w./-])[+(]{0,3}\d+(?:[\s().-]+\d+)*(?![\w/]|[.:-]\w)"
)  # digits with separators, not 2x4 or 1/2
_NORTH_AMERICAN = re.compile(r"(?:1 )?[2-9]\d\d [2-9]\d\d \d{4}")
_SOCIAL_SECURITY = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_IBAN_START = re.compile(r"[a-z]{2}\d{2}[a-z0-9]*")


def looks_personal(text: str) -> bool:
    """Whether `text`, raw or normalised, holds an e-mail or street address, or the number of a telephone, of a payment
    card, of a bank account (IBAN) or of a social security.
    """
    text = " ".join(text.casefold().split())
    if _EMAIL.search(text) or _ADDRESS.search(text) or _ends_like_an_address(text):
        return True
    if not any(character.isdigit() for character in text):
        return False
    return bool(_SOCIAL_SECURITY.search(text)) or _holds_number(text) or any(map(_is_iban, _account_numbers(text)))


def _ends_like_an_address(text: str) -> bool:
    """`main street springfield 12345`. One pattern of both would read the rest of the text for each street in it."""
    postcode = _POSTCODE_AT_THE_END.search(text)
    return postcode is not None and _STREET_WORD.search(text, 0, postcode.start()) is not None


def _holds_number(text: str) -> bool:
    announced = bool(_PHONE_WORD.search(text))
    for found in _NUMBERS.finditer(text):
        written = found.group()
        groups = re.findall(r"\d+", written)
        alone = announced or written.strip() == text
        decimal = re.fullmatch(r"\d+\.\d+", written)
        if not decimal and _is_personal(groups, alone, written.startswith(("+", "(+"))):
            return True
    return False


def _is_personal(groups: list[str], alone: bool, international: bool) -> bool:
    """Whether digits in these groups are a telephone's or a card's. `alone`: the text names nothing else."""
    digits = "".join(groups)
    if _names_goods(digits, in_one=len(groups) == 1):
        return False
    if 13 <= len(digits) <= 19 and digits[0] in "23456" and _passes_luhn(digits):
        return True
    if _NORTH_AMERICAN.fullmatch(" ".join(groups)):
        return True
    if international or (digits[0] == "0" and (digits[1:2] != "0" or alone) and (len(groups) > 1 or alone)):
        return 9 <= len(digits) <= 15
    if not alone or len(digits) > 15:
        return False
    if len(groups) == 1:
        local = len(digits) == 10 and digits[0] in "23456789" and digits[3] in "23456789"
        return local or len(digits) >= 11
    return [len(group) for group in groups] == [3, 4] or (
        len(digits) >= 9 and len(groups[0]) <= 3 <= max(map(len, groups))
    )


def _names_goods(digits: str, *, in_one: bool) -> bool:
    """Whether they are a trade item number with a valid check digit; those of books are written with hyphens, too."""
    if len(digits) == 10:
        return in_one and _is_isbn(digits)
    book = len(digits) == 13 and digits.startswith(("978", "979"))
    return (book or (in_one and len(digits) in (8, 12, 13, 14))) and _has_check_digit(digits)


def _has_check_digit(digits: str) -> bool:
    """GS1 General Specifications, 7.9."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0


def _passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _is_isbn(digits: str) -> bool:
    """ISO 2108 in its older form of ten digits."""
    return sum(int(digit) * weight for digit, weight in zip(digits, range(10, 0, -1), strict=True)) % 11 == 0


def _account_numbers(text: str) -> Iterator[str]:
    """What may be an IBAN: words from one that starts like it, joined."""
    words = [word for word in re.split(r"[^\w]+", text) if word]
    for start, word in enumerate(words):
        if _IBAN_START.fullmatch(word):
            joined = ""
            for part in words[start:]:
                joined += part
                if len(joined) > 34:
                    break
                if len(joined) >= 15 and joined.isascii():
                    yield joined


def _is_iban(joined: str) -> bool:
    """ISO 13616: the country and check digits go to the end, letters become numbers, the rest modulo 97 is 1."""
    if sum(character.isdigit() for character in joined) < 12 or not joined.isalnum():
        return False
    return int("".join(str(int(character, 36)) for character in joined[4:] + joined[:4])) % 97 == 1

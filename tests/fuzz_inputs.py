"""Inputs that nobody means well with: texts of every script and length, texts that are nearly somebody's address, and
files whose bytes were changed at random. The seed decides all of them.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

LONGEST = 20_000  # characters of the longest text

# Half of a surrogate pair cannot come in: JSON and UTF-8 files are refused before anything reads their text.
_ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_ASTRAL = st.text(st.characters(min_codepoint=0x10000, max_codepoint=0x10FFFF, exclude_categories=["Cs"]), max_size=20)
_COMBINING = st.text(st.characters(categories=["Mn", "Mc", "Me", "Ll", "Zs"]), max_size=40)
_RIGHT_TO_LEFT = st.text(
    st.sampled_from("אבגדמסעפשת ابتثجحخدذ ٠١٢٣٤٥٦٧٨٩ \u200e\u200f\u202a\u202b\u202c\u202e"), max_size=40
)
_CONTROLS = st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Zs"]), max_size=30)
_DIGITS = st.text(st.sampled_from("0123456789.,-/x+() \"'%#:$€<>=k٣²½①"), max_size=60)
_OTHER_DIGITS = st.text(st.characters(categories=["Nd", "Nl", "No"]), max_size=20)
_FOLDED = st.text(st.sampled_from("ßẞİıſŉǰΐΰﬁﬃﷺ㍿℀ȺⱥⅣ™×′″“”‘’´`'\"–—−⁄/ aA1"), max_size=40)
_SHOP = """
    red shoes under over between and to or for with without above less than more at least cheap best rated $ € £
    50 1,000 2.5k 32-inch 18v 2x4 1/2 in. ft pack of size xl 4+ stars in stock near budget 10-20 usd - -- -red
"""
_PERSONAL = """
    jane.doe @ example.com gmail.com mary@web.de +1 (555) 234-5678 555 0049 170 1234567 12 main street st apt 4b
    po box 12 hauptstrasse 5 12345 de89 3704 0044 0532 0130 00 gb82 west 4111 1111 123-45-6789 tel call deliver
    to 978-3-16-148410-0 rue de rivoli avenue road unit suite # . - , aa11
"""
_WORDS = st.lists(st.sampled_from(_SHOP.split()), max_size=12).map(" ".join)
_NEARLY_PERSONAL = st.builds(
    lambda parts, glue: glue.join(parts),
    st.lists(st.sampled_from(_PERSONAL.split()), max_size=12),
    st.sampled_from([" ", "", "-", ".", "\t"]),
)
_SHORT = st.one_of(
    _ANY,
    _ASTRAL,
    _COMBINING,
    _RIGHT_TO_LEFT,
    _CONTROLS,
    _DIGITS,
    _OTHER_DIGITS,
    _FOLDED,
    _WORDS,
    _NEARLY_PERSONAL,
)
# What makes a pattern slow is the same thing over and over, and then something that does not fit.
_LONG = st.builds(
    lambda unit, times, end: ((unit * times)[: LONGEST - len(end)]) + end,
    st.one_of(
        _SHORT.map(lambda text: text[:12]), st.sampled_from(["a", "1", "-", " ", ".", "a.", "a-", "1 ", "1-", "aa11 "])
    ),
    st.integers(100, LONGEST),
    st.sampled_from(["", "!", "@", " 1", "\x00", "a b"]),
)
_MIXED = st.lists(_SHORT, min_size=2, max_size=4).map("".join)
texts = st.one_of(_SHORT, _SHORT, _MIXED, _LONG)
"""About a quarter of them is very long."""
short_texts = st.one_of(_SHORT, _MIXED)


def each(strategy: st.SearchStrategy[str], count: int, number: int, use: Callable[[str], None]) -> None:
    """Gives `use` that many texts, which the seed `number` decides. `use` raises nothing."""

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(text: str) -> None:
        use(text)

    run()


_CATALOG = [
    ("product_id", "title", "brand", "category", "price", "rating", "rating_count", "in_stock", "created_at", "colour"),
    ("p1", "Red Shoes", "Fleet", "Shoes", "₹32,999", "4.3 out of 5", "2,255", "yes", "2026-01-02", "Red"),
    ("p2", 'Blue "Nord" Jacket, 2 pcs', "O'Neill", "Jackets", "1.234,56 €", "", "0", "false", "1735689600", "Blue"),
]
_QUERIES = [
    ("query", "count", "timestamp", "user_id", "session_id", "product_id", "prefixes"),
    ("red shoes", "3", "2026-01-02T10:00:00Z", "u1", "s1", "p1", "r|re|red"),
    ("jacket, blue", "1", "2026-01-02 10:00", "u2", "s2", "", '["j","ja"]'),
]
_EVENTS = [
    ("user_id", "timestamp", "action_type", "item_id", "session_id", "query", "item_rank", "duration_seconds"),
    ("u1", "2026-01-02T10:00:00+02:00", "view", "p1", "s1", "", "1", "12.5"),
    ("u2", "1735689600000", "add to cart", "p2", "s2", "red", "2", ""),
]
TABLES: Mapping[str, Sequence[Sequence[str]]] = {"catalog": _CATALOG, "queries": _QUERIES, "events": _EVENTS}
_SNIPPETS = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'""', b"\r", b"\r\n", b"\n\n", b"\t", b",,,,,,,,,,,,", b"\xc3\x28",
    b"\xed\xa0\x80", b"[" * 3_000, b"{" * 50, b'{"a":' * 2_000, b"null", b"1e999", b"-0", b"NaN", b"9" * 5_000,
    b"=1+1", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PAR1", b"\\u0000", b'\\ud800', b"2026-13-45T99:99:99Z",
    b"[[1]]", b'{"query": {"a": 1}}', b"\xf0\x9f\x91\x9f",
]  # fmt: skip


def _written(kind: str, form: str) -> bytes:
    header, *rows = TABLES[kind]
    if form == "jsonl":
        objects = (zip(header, row, strict=True) for row in rows)
        return "\n".join("{" + ", ".join(f"{_json(k)}: {_json(v)}" for k, v in one) + "}" for one in objects).encode()
    mark = "\t" if form == "tsv" else ","
    cells = (mark.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in (header, *rows))
    return "\n".join(cells).encode()


def _json(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mutated_files(count: int, number: int) -> Iterator[tuple[str, str, bytes]]:
    """(kind, ending, bytes) of that many files: a good one with one to eight changes."""
    chance = random.Random(number)
    sound = {(kind, form): _written(kind, form) for kind in TABLES for form in ("csv", "tsv", "jsonl")}
    for _ in range(count):
        kind, form = chance.choice(list(sound))
        data = bytearray(sound[kind, form])
        for _ in range(chance.randint(1, 8)):
            _change(data, chance)
        yield kind, chance.choice([form, form, form, "csv", "json", "txt"]), bytes(data)


def _change(data: bytearray, chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    match chance.randint(0, 5):
        case 0:
            data[at:at] = chance.choice(_SNIPPETS)
        case 1:
            del data[at : at + chance.randint(1, 40)]
        case 2:
            data[at : at + 1] = bytes([chance.randrange(256)])
        case 3:
            data[at:at] = data[: chance.randint(0, 200)]
        case 4:
            data[at:at] = chance.randbytes(chance.randint(1, 12))
        case _:
            data[at : at + 1] = bytes([data[at] ^ (1 << chance.randrange(8))]) if at < len(data) else b'"'

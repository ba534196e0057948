"""Which phrases name a value of the catalogue: its brands, categories, colours, sizes and other attributes.

Built once for a catalogue, in time that grows with its distinct values rather than its products; a query is then read
with a few lookups. A phrase has one meaning: brands go before categories, these before colours, sizes and the rest, and
a value that two attributes have means neither.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.domain import PartKind
from core.retrieval.columns import Coded, ProductColumns
from core.text.colors import COLORS, are_kin, same_color
from core.text.phrase_key import key_of, number_forms
from core.text.titles import JOINERS

_MOST_VALUES = 50_000  # of one field, the most frequent first: what is rarer is found by its words alone
_MOST_ATOMS, _LONGEST = 6, 60  # atoms and characters of a value that may be a phrase
_FREE_TEXT = 0.3  # an attribute with more distinct values per product than this names single products
_FEW_VALUES = 50
_UNTOLD = frozenset(
    """
    yes no true false none na other others unknown new all any each set default standard assorted various general misc
    regular normal basic classic mixed multiple free best original sale
    """.split()  # noqa: SIM905
)
_ORDINARY = (
    2.0  # a brand's word is an ordinary one where this many times more products use it as a value than as a brand
)
_SPELT_SIZES: Mapping[str, tuple[str, ...]] = {
    "s": ("small",),
    "m": ("medium",),
    "l": ("large",),
    "xs": ("extra small", "x small"),
    "xl": ("extra large", "x large"),
    "2xl": ("xxl", "xx large"),
    "3xl": ("xxxl", "xxx large"),
}
_SIZE_SYSTEMS = frozenset(["us", "uk", "eu", "eur", "size", "in"])
_EXACT, _PARTLY, _KIN = 1.0, 0.7, 0.5  # of a colour: `blue`, `blue and gold`, `navy`


@dataclass(slots=True)
class Meaning:
    """The values of one field that a phrase names: their codes, each with how far it is what was asked."""

    kind: PartKind
    column: str  # `brand`, `category` or `attributes.NAME`
    value: str  # for people
    shares: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ValuePhrases:
    """Meanings by phrases of atoms (`core.text.phrase_key`), and of sizes after the word `size`."""

    meanings: Mapping[str, Meaning]
    longest: Mapping[str, int]  # first atom → most atoms of a phrase that begins with it
    sizes: Mapping[str, Meaning]


def value_phrases(columns: ProductColumns) -> ValuePhrases:
    """The phrases of a catalogue."""
    category, brand = _field("category", columns.category), _field("brand", columns.brand)
    attributes = {
        name: _field(f"attributes.{name}", coded) for name, coded in columns.attributes.items() if _tells(coded)
    }
    found: dict[str, Meaning] = {}
    _add_brands(found, brand, _uses_of_words(columns.brand, [category, *attributes.values()]))
    for key, code in _category_keys(category):
        _add(found, key, PartKind.CATEGORY, category, code)
    colors = [one for name, one in attributes.items() if _named(name, "color", "colour")]
    if colors:
        _add_colors(found, max(colors, key=lambda one: int(one.counts.sum())))
    sizes: dict[str, Meaning] = {}
    for name, one in attributes.items():
        if _named(name, "size"):
            _add_sizes(found, sizes, one)
    _add_attributes(found, [one for name, one in attributes.items() if not _named(name, "size")])
    longest: dict[str, int] = defaultdict(int)
    for key in found:
        first, *rest = key.split()
        longest[first] = max(longest[first], 1 + len(rest))
    return ValuePhrases(found, dict(longest), sizes)


@dataclass(frozen=True, slots=True)
class _Field:
    """A column with how many products have each value `(V,)`, and its values' keys, the most frequent first."""

    column: str
    coded: Coded
    counts: npt.NDArray[np.intp]
    keys: list[tuple[str, int]]


def _field(column: str, coded: Coded) -> _Field:
    """The keys leave out what is too long to be a phrase."""
    counts = np.bincount(coded.codes[coded.codes >= 0], minlength=len(coded.values))
    keys = []
    for code in np.argsort(-counts, kind="stable")[:_MOST_VALUES].tolist():
        value = coded.values[code]
        if counts[code] and len(value) <= _LONGEST:
            key = key_of(value)
            if key and key.count(" ") < _MOST_ATOMS:
                keys.append((key, code))
    return _Field(column, coded, counts, keys)


def _tells(coded: Coded) -> bool:
    """Whether the values of an attribute are shared by products, rather than numbers or texts of single ones."""
    return len(coded.values) <= max(_FEW_VALUES, _FREE_TEXT * int((coded.codes >= 0).sum()))


def _named(attribute: str, *words: str) -> bool:
    """`Size`, `shoe_size`, `colours`."""
    named = key_of(attribute.replace("_", " ")).split()
    return any(word in (one, one.removesuffix("s")) for one in named for word in words)


def _add(found: dict[str, Meaning], key: str, kind: PartKind, of: _Field, code: int) -> None:
    """`key` means this value too, unless it means something else already."""
    meaning = found.get(key)
    if meaning is None:
        meaning = found[key] = Meaning(kind, of.column, of.coded.values[code])
    if meaning.column == of.column:
        meaning.shares.setdefault(code, _EXACT)


def _add_brands(found: dict[str, Meaning], brand: _Field, used: Mapping[str, int]) -> None:
    for key, code in brand.keys:
        atoms = key.split()
        joined = "".join(atoms)
        if len(joined) < 2 or joined.isdigit() or key in JOINERS or key in _UNTOLD:
            continue
        if used.get(key, 0) > _ORDINARY * int(brand.counts[code]):
            continue
        forms = [key]
        if len(atoms) > 1:
            forms += [joined] if len(joined) >= 4 else []
            if "and" in atoms:
                forms.append(" ".join(atom for atom in atoms if atom != "and"))
            elif "&" in brand.coded.values[code] or "+" in brand.coded.values[code]:
                forms += [" ".join([*atoms[:at], "and", *atoms[at:]]) for at in range(1, len(atoms))]
        for form in forms:
            _add(found, form, PartKind.BRAND, brand, code)


def _uses_of_words(brand: Coded, fields: Sequence[_Field]) -> dict[str, int]:
    """How many products use a word, or a whole value, in these fields.

    A field that repeats the brand (`manufacturer`) would make every brand an ordinary word: it is left out.
    """
    brands = {value.casefold() for value in brand.values}
    used: dict[str, int] = defaultdict(int)
    for one in fields:
        if sum(value.casefold() in brands for value in one.coded.values) > 0.5 * len(one.coded.values):
            continue
        for key, code in one.keys:
            count = int(one.counts[code])
            for word in {key, *key.split()}:
                used[word] += count
    return used


def _category_keys(category: _Field) -> Iterator[tuple[str, int]]:
    """Names of categories, and of the last one in a path, each in singular and plural."""
    for name, code in category.keys:
        leaf = key_of(category.coded.values[code].replace("|", ">").rpartition(">")[2])
        for key in dict.fromkeys((name, leaf)):
            yield from ((form, code) for form in _forms(key) if len(form) > 1 and form not in _UNTOLD)


def _forms(key: str) -> Iterator[str]:
    head, _, last = key.rpartition(" ")
    if last:
        yield from (f"{head} {form}".strip() for form in sorted(number_forms(last)))


def _add_colors(found: dict[str, Meaning], of: _Field) -> None:
    """The colours of the table that a value holds, and whole values of several words (`rose gold`)."""
    spelt = [(" ".join(map(same_color, key.split())), code) for key, code in of.keys]
    in_values: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for key, code in spelt:
        for word in set(key.split()) & COLORS:
            in_values[word].append((key, code))
    for color in sorted(COLORS - found.keys()):
        wanted = same_color(color)
        shares: dict[int, float] = {}
        for word, values in in_values.items():
            if word == wanted:
                shares |= {code: max(shares.get(code, 0), _EXACT if key == word else _PARTLY) for key, code in values}
            elif are_kin(word, wanted):
                shares |= {code: max(shares.get(code, 0), _KIN) for _, code in values}
        if shares:
            found[color] = Meaning(PartKind.COLOR, of.column, color, shares)
    for key, code in spelt:
        if " " in key and any(word.isalpha() for word in key.split()):
            for form in dict.fromkeys((key, key.replace("gray", "grey"))):
                _add(found, form, PartKind.COLOR, of, code)


def _add_sizes(found: dict[str, Meaning], sizes: dict[str, Meaning], of: _Field) -> None:
    """Sizes stand by themselves where they are words (`2xl`, `32 in`, `queen`), else only after `size`."""
    for key, code in of.keys:
        bare = " ".join(atom for atom in key.split() if atom not in _SIZE_SYSTEMS) or key
        for form in dict.fromkeys((key, bare, *_SPELT_SIZES.get(bare, ()), *_letters(bare))):
            _add(sizes, form, PartKind.SIZE, of, code)
        for form in (key, *(_SPELT_SIZES.get(key, ()) if len(key) > 1 else ())):  # `small` is an ordinary word
            if len(form) > 1 and any(map(str.isalpha, form)) and form not in _UNTOLD:
                _add(found, form, PartKind.SIZE, of, code)


def _letters(spelt: str) -> Iterator[str]:
    return (letters for letters, spellings in _SPELT_SIZES.items() if spelt in spellings)


def _add_attributes(found: dict[str, Meaning], fields: Sequence[_Field]) -> None:
    """Whole values that one attribute alone has; colours that the table does not know are among them."""
    added: dict[str, Meaning | None] = {}  # None: several attributes have it
    for of in fields:
        kind = (
            PartKind.COLOR if _named(of.column.removeprefix("attributes."), "color", "colour") else PartKind.ATTRIBUTE
        )
        for key, code in of.keys:
            if len(key) < 3 or key in _UNTOLD or key in JOINERS or not any(map(str.isalpha, key)):
                continue
            for form in _forms(key):
                if form in found:
                    continue
                meaning = added.setdefault(form, Meaning(kind, of.column, of.coded.values[code]))
                if meaning is not None and meaning.column == of.column:
                    meaning.shares.setdefault(code, _EXACT)
                else:
                    added[form] = None
    found |= {form: meaning for form, meaning in added.items() if meaning is not None}

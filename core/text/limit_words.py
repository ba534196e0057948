"""The English words that state a limit of price or rating, and those that say a number is something else."""

import regex as re

from core.text.amounts import MARKS_BEFORE
from core.text.units import UNITS

_UPPER = [
    ("under",), ("below",), ("less", "than"), ("lower", "than"), ("cheaper", "than"), ("no", "more", "than"),
    ("not", "more", "than"), ("at", "most"), ("within",), ("maximum",), ("max",), ("up", "to"), ("upto",),
    ("<",), ("<=",), ("≤",), ("=<",),
]  # fmt: skip
_LOWER = [
    ("over",), ("above",), ("more", "than"), ("greater", "than"), ("higher", "than"), ("at", "least"), ("minimum",),
    ("min",), ("starting", "at"), ("starting", "from"), ("from",), (">",), (">=",), ("≥",),
]  # fmt: skip
COMPARISONS = dict.fromkeys(_UPPER, True) | dict.fromkeys(_LOWER, False)
BY_FIRST = {
    first: sorted((words for words in COMPARISONS if words[0] == first), key=len, reverse=True)
    for first in {words[0] for words in COMPARISONS}
}
MONEY_ONLY = {("min",), ("from",), ("starting", "at"), ("starting", "from")}
ROUND_ONLY = {("up", "to"), ("upto",)}  # `up to 70` may be inches
ABOUT = {"around", "about", "approx", "approximately", "near"}
UNFINISHED = {
    ("under",),
    ("below",),
    ("less", "than"),
    ("lower", "than"),
    ("cheaper", "than"),
    ("more", "than"),
    ("upto",),
}
"""Comparisons that say nothing else where a query ends with them: `shirt under`."""
MULTIPLES = {"thousand": 1e3, "lakh": 1e5, "lakhs": 1e5, "lac": 1e5, "lacs": 1e5, "crore": 1e7, "crores": 1e7}
MONEY_MULTIPLES = MULTIPLES.keys() - {"thousand"}  # these count money, and people
LEADING = {("under",), ("below",), ("less", "than"), ("lower", "than"), ("cheaper", "than"), ("upto",)}
"""Comparisons that may stand before what is sought with a bare number: `under 500 shirt`."""
OR_LESS = {"less", "under", "below", "lower", "cheaper"}
OR_MORE = {"more", "up", "above", "over", "higher", "greater", "better"}
PRICE_WORDS = {"price", "priced", "prices", "cost", "costs", "costing", "budget"}
FILLERS = {"only", "each", "max", "total", "please"}
ON = {"for", "with", "and", "that", "which", "but", "from", "or"}  # a statement may end before these
JOINING = {"for", "at", "with", "and", "but", "that", "is", "are", "which", "of", "priced", "costing"}
NOT = {"not", "no", "isnt", "arent", "never", "out", "back"}
# Before a bare number these say what it counts.
MEASURED = frozenset(
    """
    age ages aged size sizes screen weight weights length width height depth diameter thickness temperature capacity
    number numbers no speed spf calories calorie sugar carbs sodium protein watt watts wattage volt volts voltage volume
    pages decibels noise level levels grade grades year years month months week weeks day days hour hours minute minutes
    part parts chapter chapters count counting counts iso model series version zone ip rpm mileage waist inseam
    """.split()  # noqa: SIM905
)
NAMED_MAX = frozenset(
    """
    air pro vapor vapour ultra plus power turbo mini go peak mad pepsi hydro zoom super galaxy iphone airpods mac dual
    """.split()  # noqa: SIM905
)
CHILDREN = frozenset(
    """
    kid kids child children childrens boy boys girl girls toddler toddlers infant infants baby babies newborn newborns
    teen teens teenager teenagers preschoolers players
    """.split()  # noqa: SIM905
)
PEOPLE = CHILDREN | frozenset(
    """
    men man women woman ladies lady adults adult seniors senior people persons person males females mom mum mother dad
    father grandma grandpa grandmother grandfather wife husband her him
    """.split()  # noqa: SIM905
)
# After a bare number these say what it counts.
COUNTED = frozenset(word for spellings in UNITS.items() for word in " ".join(spellings).split()) | frozenset(
    """
    by x of calorie calories thread threads page pages person people player players sheet sheets count counts lumen
    lumens nit nits dpi psi rpm degree degrees ppm grit grits cc kva va square sq cubic cu mile miles km word words
    game games card cards user users seat seats station stations song songs year years day days hour hours minute
    minutes month months week weeks decibel decibels milligram milligrams mg mcg joule joules step steps channel
    channels led leds puzzle stitch stitches needle needles round rounds shot shots percent
    """.split()  # noqa: SIM905
)
OLDEST_CHILD = 21
OF_AGE = {18.0, 21.0}
YEARS = range(1900, 2100)
ONE_DECIMAL = re.compile(r"\d+[.,]\d")  # 15.6 and 6.5 are screens; a price has two decimals or none
HIGHEST_RATING = 5.0
STARRED = re.compile(r"([0-9](?:\.[0-9])?)\+?-?(?:stars?|[★⭐])\+?")
STARS = {"star", "stars"}
RATED = {"rated", "rating", "ratings", "review", "reviews", "reviewed"}
STOCK_ENDS = {"now", "only", "today"}
STOCK_CARS = {"car", "cars", "pot", "pots", "photo", "photos", "tank", "racing"}
FIRST = {
    "in", "in-stock", "available", "currently", "between", *ABOUT, *RATED, *PRICE_WORDS, *MARKS_BEFORE,
    *(words[0] for words in COMPARISONS),
}  # fmt: skip
"""What a statement begins with, where it is no number."""
LARGEST = 1e9  # of a price; more is a number of something else
SAID = (
    FIRST
    | RATED
    | PRICE_WORDS
    | STOCK_ENDS
    | {"stock", "than", "least", "most", "more", "to", "from"}
    | OR_LESS
    | OR_MORE
)
"""Words that statements are made of: never taken for slips of others, be the statement read or not."""

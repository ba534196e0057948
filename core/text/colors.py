"""Colour words of shops in English, and which shades belong to which colour.

Words that are mostly something else in a shop (chocolate, lime, mint, coffee, rose) are no colours here; a catalogue
whose colour field holds them makes them so.
"""

from collections.abc import Mapping

_SHADES: Mapping[str, str] = {
    "black": "jet onyx ebony",
    "white": "ivory snow",
    "gray": "charcoal slate graphite",
    "silver": "",
    "gold": "golden",
    "blue": "navy azure cobalt indigo turquoise cyan aqua teal",
    "red": "crimson scarlet maroon burgundy",
    "green": "emerald teal khaki",
    "brown": "tan bronze",
    "beige": "taupe tan khaki",
    "yellow": "mustard",
    "orange": "",
    "pink": "magenta fuchsia",
    "purple": "violet magenta",
    "multicolor": "rainbow",
}
TWINS: Mapping[str, str] = {
    "grey": "gray",
    "multicolour": "multicolor",
    "multicolored": "multicolor",
    "multicoloured": "multicolor",
    "golden": "gold",
}
"""Other spellings of a colour."""

COLORS = frozenset(_SHADES) | {shade for shades in _SHADES.values() for shade in shades.split()} | frozenset(TWINS)

_KIN = {color: frozenset(shades.split()) for color, shades in _SHADES.items()}


def same_color(word: str) -> str:
    """One spelling for a colour word: `grey` and `gray` are `gray`."""
    return TWINS.get(word, word)


def are_kin(color: str, other: str) -> bool:
    """Whether one of two colour words is a shade of the other: `navy` and `blue`."""
    return other in _KIN.get(color, ()) or color in _KIN.get(other, ())

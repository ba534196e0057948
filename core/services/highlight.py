"""Which parts of a suggestion are what was typed, in UTF-16 units, as browsers count."""


def highlights(typed: str, text: str) -> tuple[tuple[int, int], ...]:
    """Half-open ranges of `text` that match the normalised `typed`.

    A literal completion matches as a whole; otherwise each word that begins with a typed word matches that far.
    """
    if text.startswith(typed):
        return ((0, utf16_length(typed.rstrip())),)
    ranges = []
    wanted = typed.split()
    offset = 0
    for word in text.split(" "):
        match = max((part for part in wanted if word.startswith(part)), key=len, default=None)
        if match:
            ranges.append((offset, offset + utf16_length(match)))
        offset += utf16_length(word) + 1
    return tuple(ranges)


def utf16_length(text: str) -> int:
    """Length of `text` in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2

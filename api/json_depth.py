"""How deep JSON is nested, told from its bytes: parsing it is what deep nesting is meant to break."""

import re

_ESCAPED, _STRING = re.compile(rb"\\.", re.DOTALL), re.compile(rb'"[^"]*"?')
_NO_STRUCTURE = bytes(sorted(set(range(256)) - set(b'"[]{}')))


def is_nested_deeper(body: bytes, levels: int) -> bool:
    """Whether lists and objects stand in each other more than `levels` deep; what is not JSON may be either.

    Costs two counts where there are not even so many brackets, as in almost every request of ours. Otherwise strings
    are taken out and the rest is added up, a bracket that opens as 1 and one that closes as −1: milliseconds for 2 MB.
    """
    if body.count(b"[") + body.count(b"{") <= levels:
        return False
    import numpy as np  # the models bring it along; creating the app does not need it

    if b"\\" in body:
        body = _ESCAPED.sub(b"", body)
    brackets = np.frombuffer(_STRING.sub(b"", body.translate(None, _NO_STRUCTURE)), dtype=np.uint8)
    opens = (brackets == ord("[")) | (brackets == ord("{"))
    return bool(np.cumsum(np.where(opens, 1, -1), dtype=np.int32).max(initial=0) > levels)

"""The bytes of a file, whether plain, gzip or Zstandard. Compression is told by the content, not by the name."""

import gzip
import hashlib
import importlib
from enum import Enum
from pathlib import Path

import polars as pl
from polars import exceptions

from core.errors import InputFileError

_HEAD_BYTES = 65_536


def sha256_of(path: Path) -> str:
    """The digest of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Compression(Enum):
    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


def compression_of(path: Path) -> Compression:
    """How the file at `path` is compressed, from its first four bytes."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return Compression.GZIP
    return Compression.ZSTD if magic == b"\x28\xb5\x2f\xfd" else Compression.NONE


def head_of(path: Path, compression: Compression) -> bytes:
    """The first bytes of the content, enough for a header line."""
    if compression is Compression.NONE:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    if compression is Compression.GZIP:
        with gzip.open(path) as file:
            return file.read(_HEAD_BYTES)
    return _utf8_lines(path, first=8)[:_HEAD_BYTES]


def decompressed(path: Path, compression: Compression) -> bytes:
    """The whole content. Raises InputFileError for Zstandard that this Python cannot read."""
    if compression is Compression.NONE:
        return path.read_bytes()
    if compression is Compression.GZIP:
        with gzip.open(path) as file:
            return file.read()
    try:
        # In the standard library from Python 3.14 on.
        zstd = importlib.import_module("compression.zstd")
        return bytes(zstd.decompress(path.read_bytes()))
    except ImportError:
        return _utf8_lines(path)


def _utf8_lines(path: Path, first: int | None = None) -> bytes:
    """Before Python 3.14 polars is the only reader of Zstandard at hand, and it gives lines of UTF-8 alone."""
    try:
        lines = pl.scan_lines(path, n_rows=first).collect().to_series()
    except exceptions.PolarsError as error:
        raise InputFileError(f"{path.name}: decompress this .zst file first (its content is not UTF-8 text)") from error
    return "\n".join(line or "" for line in lines).encode()

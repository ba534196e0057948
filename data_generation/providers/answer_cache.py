"""Answers on disk, so that what was once paid for is never asked again: not by a rerun, not after an interruption."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Answer = TypeVar("Answer", bound=BaseModel)


class AnswerCache:
    """One file for each good answer, named by everything that the answer depends on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def key(model: str, prompt: str, schema: str, version: str) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(json.dumps([model, prompt, schema, version]).encode()).hexdigest()

    def get(self, key: str, answer: type[Answer]) -> Answer | None:
        """None where there is no file, or one that is damaged."""
        try:
            stored = json.loads((self._folder / f"{key}.json").read_bytes())
            text = stored["answer"]
            return answer.model_validate_json(text) if stored["sha256"] == _digest(text) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
            return None

    def put(self, key: str, model: str, answer: BaseModel) -> None:
        """Keeps the answer: afterwards the file is whole or, after a crash, not there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = answer.model_dump_json()
        stored = json.dumps({"model": model, "sha256": _digest(text), "answer": text}, ensure_ascii=False)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".answer-", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(stored)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._folder / f"{key}.json")
        finally:
            temporary.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

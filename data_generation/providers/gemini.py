"""The words of a shop by Gemini: department by department its kinds of products, then shoppers, then their queries.

Every question is small and kept when answered, so a run that stops goes on where it was. A department about which
Gemini says nothing of use keeps its offline tables, and the material's notes say so.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from data_generation.personas import Persona
from data_generation.providers import gemini_schemas as schemas
from data_generation.providers import gemini_words
from data_generation.providers.gemini_client import GeminiClient
from data_generation.providers.gemini_replies import RefusedError, UnusableError
from data_generation.providers.port import Material, Provider
from data_generation.tables import ProductType

_FEWEST = 3  # families of a department that is a department
_PERSONAS_PER_CALL = 7
_KINDS_PER_CALL = 12
_OUTPUT_TOKENS = {"families": 12_000, "personas": 6_000, "queries": 6_000}  # with room for thoughts
_STAGES = {"families": (0.0, 0.55), "personas": (0.55, 0.6), "queries": (0.6, 1.0)}  # shares of the run
_DEPARTMENT = """\
You write word lists for an invented online shop. Only words, no prices, no ratings, and nothing about real companies.

Department: {department}
Its kinds of products so far: {kinds}.

Write about {count} kinds of products of this department, some of these and others that shoppers search as often, all
different. For each: its name as in a title; 2 title patterns, such as "{{brand}} {{style}} {{name}}, {{color}}" or
"{{brand}} {{series}} {{style}} {{name}} - {{size}}"; the slots that these patterns name, each with 3 to 6 values;
3 features that read after "with" ("a lid", "a charging case"); 3 uses that read after "for" ("beginners", "travel").
Every slot that a pattern names needs its values, and every pattern needs {{brand}} and {{name}}.
Then 8 brand names and 5 names of product lines. All of them are made up: no company may have these names.
"""
_PERSONAS = """\
You describe shoppers of an invented online shop in words that are used to simulate their searches.

Departments: {departments}.
Brands: {brands}.

For each kind of shopper below, by its name as it stands there: 2 to 4 of these departments, the most wanted first;
0 to 4 favourites among these brands; 2 to 4 lower case patterns with {{query}} in place of what is searched for, such
as "cheap {{query}}" or "{{query}} for college".

{shoppers}
"""
_QUERIES = """\
What do people type into the search box of an online shop to find these products? Department: {department}.

For each kind of product below, by its name as it stands there, write 8 natural queries: lower case, as people type,
two to six words, without brands, prices or punctuation; some with a property, some with a use, some in other words
than the name.

{kinds}
"""


class GeminiProvider:
    """Writes the material with the client's model. `offline` gives all numbers, and words where there are no others."""

    def __init__(self, client: GeminiClient, offline: Provider) -> None:
        self._client = client
        self._offline = offline

    def material(self, update: Callable[[float, str], None]) -> Material:
        base = self._offline.material(lambda share, note: None)
        tables: dict[str, list[ProductType]] = {}
        for kind in base.types:
            tables.setdefault(kind.department, []).append(kind)
        notes: list[str] = []
        types = self._types(tables, update, notes)
        personas = self._personas(base.personas, types, update, notes)
        phrases = self._phrases(types, update, notes)
        notes.append(
            f"{self._client.model}: {self._client.asked} answers asked for, {self._client.cached} from the cache, "
            f"{self._client.budget.spent()}"
        )
        update(1.0, "done")
        return Material(types=types, personas=personas, phrases=phrases, notes=tuple(notes))

    def _types(
        self, tables: Mapping[str, Sequence[ProductType]], update: Callable[[float, str], None], notes: list[str]
    ) -> tuple[ProductType, ...]:
        answers: dict[str, schemas.DepartmentWords] = {}
        for number, (department, offline) in enumerate(tables.items()):
            update(_share("families", number, len(tables)), f"product families: {department}")
            try:
                answers[department] = self._department(department, offline)
            except (RefusedError, UnusableError) as error:
                notes.append(f"{department}: {_why(error)}, the offline table is used")
        # A name means one kind of product in the whole shop; the tables, which stay as they are, have theirs first.
        kept = {name: rows for name, rows in tables.items() if name not in answers}
        taken = {kind.name.lower() for rows in kept.values() for kind in rows}
        made: list[ProductType] = []
        for department, offline in tables.items():
            if department in kept:
                made += kept[department]
                continue
            types, dropped = gemini_words.product_types(department, answers[department], offline, taken)
            taken |= {kind.name.lower() for kind in types}
            made += types
            _note(notes, department, dropped)
        return tuple(made)

    def _department(self, department: str, offline: Sequence[ProductType]) -> schemas.DepartmentWords:
        def wrong(answer: schemas.DepartmentWords) -> str | None:
            types, dropped = gemini_words.product_types(department, answer, offline)
            if len(types) >= min(_FEWEST, len(offline)):
                return None
            return f"only {len(types)} of {len(answer.families)} families were usable ({_counted(dropped)})"

        prompt = _DEPARTMENT.format(
            department=department, kinds=", ".join(kind.name for kind in offline), count=max(8, len(offline))
        )
        return self._client.ask(prompt, schemas.DepartmentWords, _OUTPUT_TOKENS["families"], wrong)

    def _personas(
        self,
        templates: Sequence[Persona],
        types: Sequence[ProductType],
        update: Callable[[float, str], None],
        notes: list[str],
    ) -> tuple[Persona, ...]:
        departments = list(dict.fromkeys(kind.department for kind in types))
        brands = list(dict.fromkeys(brand for kind in types for brand in kind.brands))
        made: list[Persona] = []
        for first in range(0, len(templates), _PERSONAS_PER_CALL):
            update(_share("personas", first, len(templates)), "shoppers")
            batch = templates[first : first + _PERSONAS_PER_CALL]
            prompt = _PERSONAS.format(
                departments=", ".join(departments),
                brands=", ".join(brands),
                shoppers="\n".join(f"- {row.name} (so far: {', '.join(row.vocabulary)})" for row in batch),
            )
            words: dict[str, schemas.PersonaWords] = {}
            try:
                answer = self._client.ask(prompt, schemas.CrowdWords, _OUTPUT_TOKENS["personas"])
                words = {
                    row.name.strip().lower(): row for row in reversed(answer.personas)
                }  # the first of a name stays
            except (RefusedError, UnusableError) as error:
                notes.append(f"{len(batch)} personas: {_why(error)}, the offline words are used")
            else:
                missing = [row.name for row in batch if row.name.lower() not in words]
                notes += [f"{name}: not answered, the offline words are used" for name in missing]
            for template in batch:
                if template.name.lower() not in words:
                    made.append(gemini_words.with_known_brands(template, brands))
                    continue
                persona, dropped = gemini_words.persona(template, words[template.name.lower()], departments, brands)
                made.append(persona)
                _note(notes, template.name, dropped)
        return tuple(made)

    def _phrases(
        self, types: Sequence[ProductType], update: Callable[[float, str], None], notes: list[str]
    ) -> dict[str, tuple[str, ...]]:
        batches = [
            (department, names[first : first + _KINDS_PER_CALL])
            for department, rows in groupby(types, lambda kind: kind.department)
            for names in [[kind.name for kind in rows]]
            for first in range(0, len(names), _KINDS_PER_CALL)
        ]
        made: dict[str, tuple[str, ...]] = {}
        for number, (department, names) in enumerate(batches):
            update(_share("queries", number, len(batches)), f"queries: {department}")
            prompt = _QUERIES.format(department=department, kinds="\n".join(f"- {name}" for name in names))
            try:
                answer = self._client.ask(prompt, schemas.QueryWords, _OUTPUT_TOKENS["queries"])
            except (RefusedError, UnusableError) as error:
                notes.append(f"{department}: queries of {len(names)} kinds {_why(error)}, there are none")
                continue
            found, dropped = gemini_words.phrases(answer, names)
            made |= found
            _note(notes, f"{department}, queries", dropped)
        return made


def _share(stage: str, done: int, count: int) -> float:
    start, end = _STAGES[stage]
    return start + (end - start) * done / count


def _why(error: RefusedError | UnusableError) -> str:
    return f"refused ({error})" if isinstance(error, RefusedError) else f"unusable ({error})"


def _note(notes: list[str], about: str, dropped: Counter[str]) -> None:
    if dropped:
        notes.append(f"{about}: {dropped.total()} dropped ({_counted(dropped)})")


def _counted(dropped: Counter[str]) -> str:
    return ", ".join(f"{count} × {reason}" for reason, count in sorted(dropped.items())) or "it is empty"

"""The whole material: what comes from Gemini, what stays offline, and that an interrupted run loses nothing."""

import json
from pathlib import Path

import pytest

from config.gemini_settings import GeminiSettings
from data_generation.catalog import make_products
from data_generation.personas import load_personas
from data_generation.providers.budget import BudgetError
from data_generation.providers.choose import provider_of
from data_generation.providers.gemini import GeminiProvider
from data_generation.providers.offline import OfflineProvider
from data_generation.providers.port import Material, Provider, ProviderError
from data_generation.tables import load_types
from tests.data_generation.providers.conftest import MakeClient
from tests.data_generation.providers.gemini_server import (
    KEY,
    Asked,
    GeminiServer,
    Reply,
    blocked,
    department,
    failed,
    filtered,
    good,
    said,
)
from tests.data_generation.providers.small_tables import PERSONAS, TYPES, SmallTables, kind

DEPARTMENTS = ["Shoes", "Baby", "Garden & Outdoor"]
QUESTIONS = 3 + 2 + 3  # departments, personas by seven, queries by department


def silent(share: float, note: str) -> None:
    pass


def made(provider: Provider) -> Material:
    return provider.material(silent)


def words_of(material: Material) -> tuple[object, ...]:
    """All but the notes, which say what this run took."""
    return material.types, material.personas, material.phrases


@pytest.fixture
def provider(make_client: MakeClient) -> GeminiProvider:
    return GeminiProvider(make_client(), SmallTables())


def test_all_words_are_geminis_and_all_numbers_are_the_tables(provider: GeminiProvider, server: GeminiServer) -> None:
    material = made(provider)
    assert list(dict.fromkeys(row.department for row in material.types)) == DEPARTMENTS
    assert not {row.name for row in material.types} & {row.name for row in TYPES}
    assert {row.price for row in material.types} <= {row.price for row in TYPES} | {(14.5, 65.0)}
    assert [row.name for row in material.personas] == [row.name for row in PERSONAS]
    for persona in material.personas:
        assert dict(persona.departments) == {"Garden & Outdoor": 6, "Baby": 2, "Shoes": 1}
        assert persona.brands == ("Shoesora", "Shoesix")
        assert persona.vocabulary == ("shiny {query}",)
        assert (persona.share, persona.later, persona.hours) == (0.1, {"Shoes": 1}, (1.0,) * 24)
    assert set(material.phrases) == {row.name for row in material.types}
    assert material.phrases["Baby Thing A"] == ("nice baby thing a", "baby thing a for rain")
    (note,) = material.notes
    assert note.startswith(f"gemini-3.8-flash: {QUESTIONS} answers asked for, 0 from the cache, 1,200 tokens ($0.0")
    assert len(server.asked) == QUESTIONS


def test_the_material_makes_products(provider: GeminiProvider) -> None:
    material = made(provider)
    products = make_products(material.types, 300, 5)
    assert {product.type.name for product in products} == {row.name for row in material.types}
    assert len({product.title for product in products}) > 250
    for product in products:
        assert product.brand in product.title and "{" not in product.title
        assert 0 < product.price <= product.type.price[1] + 1


def test_progress_only_goes_forward(provider: GeminiProvider) -> None:
    seen: list[tuple[float, str]] = []
    provider.material(lambda share, note: seen.append((share, note)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(seen) == QUESTIONS + 1
    assert "product families: Baby" in [note for _, note in seen]


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        (filtered("SAFETY"), "Baby: refused (SAFETY), the offline table is used"),
        (blocked("PROHIBITED_CONTENT"), "Baby: refused (PROHIBITED_CONTENT), the offline table is used"),
        (
            said("no JSON"),
            "Baby: unusable (the answer is not of the form that was asked for in 5 attempts), "
            "the offline table is used",
        ),
        (
            said(json.dumps(department("Baby", 2))),
            "Baby: unusable (only 2 of 2 families were usable (it is empty) in 5 attempts), the offline table is used",
        ),
    ],
    ids=["safety", "blocked", "malformed", "too few"],
)
def test_a_department_without_an_answer_keeps_its_table_and_that_is_said(
    provider: GeminiProvider, server: GeminiServer, reply: Reply, note: str
) -> None:
    server.rule = lambda asked: reply if about(asked, "DepartmentWords", "Baby") else None
    material = made(provider)
    assert note in material.notes
    baby = [row for row in material.types if row.department == "Baby"]
    assert baby == [row for row in TYPES if row.department == "Baby"]
    assert [row.department for row in material.types] == ["Shoes"] * 4 + ["Baby"] * 3 + ["Garden & Outdoor"] * 4
    assert "Diapers" in material.phrases
    assert all(persona.departments["Baby"] == 2 for persona in material.personas)


def test_what_was_dropped_is_said(provider: GeminiProvider, server: GeminiServer) -> None:
    words = department("Shoes", 6)
    words["families"][0]["titles"] = ["{brand} {colour} {name}"]
    words["families"][1]["name"] = "Shoes Thing F"
    words["families"][2]["uses"] = []
    words["brands"].append("{Brand}")
    server.rule = lambda asked: said(json.dumps(words)) if about(asked, "DepartmentWords", "Shoes") else None
    material = made(provider)
    assert (
        "Shoes: 4 dropped (1 × brand: invalid value, 1 × family: duplicate name, 1 × family: empty list, "
        "1 × family: unknown slot in a title)" in material.notes
    )
    assert len([row for row in material.types if row.department == "Shoes"]) == 3


def test_a_name_means_one_kind_of_product_in_the_whole_shop(provider: GeminiProvider, server: GeminiServer) -> None:
    """Also one of a department that keeps its table, whatever the order."""
    words = department("Shoes", 5)
    words["families"][0]["name"] = "diapers"
    words["families"][1]["name"] = "Garden Thing A"

    def rule(asked: Asked) -> Reply | None:
        if about(asked, "DepartmentWords", "Baby"):
            return filtered("SAFETY")
        return said(json.dumps(words)) if about(asked, "DepartmentWords", "Shoes") else None

    server.rule = rule
    material = made(provider)
    names = [row.name.lower() for row in material.types]
    assert len(names) == len(set(names))
    assert "Shoes: 1 dropped (1 × family: duplicate name)" in material.notes
    assert "Garden & Outdoor: 1 dropped (1 × family: duplicate name)" in material.notes


def test_personas_and_queries_without_an_answer_are_said_too(provider: GeminiProvider, server: GeminiServer) -> None:
    def rule(asked: Asked) -> Reply | None:
        if asked.schema["title"] == "CrowdWords":
            if "shopper 8" in asked.prompt:
                return blocked("OTHER")
            return said(json.dumps({"personas": good(asked)["personas"][1:]}))
        return filtered("SAFETY") if about(asked, "QueryWords", "Baby") else None

    server.rule = rule
    material = made(provider)
    assert "shopper 0: not answered, the offline words are used" in material.notes
    assert "2 personas: refused (OTHER), the offline words are used" in material.notes
    assert "Baby: queries of 4 kinds refused (SAFETY), there are none" in material.notes
    vocabularies = [row.vocabulary[0] for row in material.personas]
    assert vocabularies == ["cheap {query}"] + ["shiny {query}"] * 6 + ["cheap {query}"] * 2
    assert [row.name for row in material.personas] == [row.name for row in PERSONAS]
    assert material.personas[0].brands == ()  # what it liked is not sold any more
    assert not any(name.startswith("Baby") for name in material.phrases)


@pytest.mark.parametrize("answered", range(QUESTIONS))
def test_an_interrupted_run_goes_on_where_it_was(
    server: GeminiServer, make_client: MakeClient, answered: int, tmp_path: Path
) -> None:
    server.rule = lambda asked: failed(503, "UNAVAILABLE") if len(server.asked) > answered else None
    with pytest.raises(ProviderError, match="cache"):
        made(GeminiProvider(make_client(), SmallTables()))
    before = {asked.prompt for asked in server.asked[:answered]}
    assert len(list((tmp_path / "answers").glob("*"))) == answered
    server.asked.clear()
    server.rule = lambda asked: None
    resumed = made(GeminiProvider(make_client(), SmallTables()))
    assert len(server.asked) == QUESTIONS - answered
    assert not before & {asked.prompt for asked in server.asked}
    again = made(GeminiProvider(make_client(), SmallTables()))
    assert len(server.asked) == QUESTIONS - answered
    assert words_of(resumed) == words_of(again)
    assert again.notes == (f"gemini-3.8-flash: 0 answers asked for, {QUESTIONS} from the cache, 0 tokens ($0.0000)",)


def test_a_run_over_its_budget_is_finished_by_later_ones(server: GeminiServer, make_client: MakeClient) -> None:
    server.greedy = True
    runs = 0
    while True:
        runs += 1
        server.billed = (0, 0)
        client = make_client(gemini_max_tokens=35_000)
        try:
            material = made(GeminiProvider(client, SmallTables()))
        except BudgetError as error:
            assert client.budget.spent() in str(error)
        else:
            break
        finally:
            assert sum(server.billed) == client.budget.tokens <= 35_000
        assert runs < QUESTIONS
    assert runs > 1
    assert len(server.asked) == QUESTIONS
    assert len(material.types) == 12


def test_a_wrong_key_ends_the_run_at_once(server: GeminiServer, make_client: MakeClient) -> None:
    provider = GeminiProvider(make_client(gemini_api_key="AIza-nobody"), SmallTables())
    with pytest.raises(
        ProviderError, match=r"^Gemini does not accept GEMINI_API_KEY \(400 INVALID_ARGUMENT\)"
    ) as caught:
        made(provider)
    assert "AIza-nobody" not in str(caught.value)
    assert len(server.asked) == 1


def test_many_kinds_are_asked_about_in_several_batches(server: GeminiServer, make_client: MakeClient) -> None:
    tables = SmallTables([kind(f"Old Shoe {letter}", "Shoes") for letter in "ABCDEFGHIJKLMNOPQRST"])
    server.rule = lambda asked: filtered("SAFETY") if about(asked, "DepartmentWords", "Shoes") else None
    material = made(GeminiProvider(make_client(), tables))
    batches = [asked.prompt.count("\n- ") for asked in server.asked if asked.schema["title"] == "QueryWords"]
    assert batches == [12, 8]
    assert len(material.phrases) == 20


def test_the_real_tables_are_what_it_works_with(
    server: GeminiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = GeminiSettings.model_validate({"gemini_api_key": KEY, "gemini_base_url": server.url})
    provider = provider_of("gemini", settings, tmp_path / "answers")
    material = made(provider)
    offline = load_types()
    assert {row.department for row in material.types} == {row.department for row in offline}
    assert not {row.name for row in material.types} & {row.name for row in offline}
    templates = load_personas()
    assert [(row.name, row.share) for row in material.personas] == [(row.name, row.share) for row in templates]
    assert len(make_products(material.types, 500, 1)) == 500


def test_names_of_providers(tmp_path: Path) -> None:
    assert isinstance(provider_of("offline", GeminiSettings(), tmp_path), OfflineProvider)
    with pytest.raises(ProviderError, match=r"no provider 'gpt'.*offline, gemini"):
        provider_of("gpt", GeminiSettings(), tmp_path)
    with pytest.raises(ProviderError, match=r"^GEMINI_API_KEY is not set: .*$"):
        provider_of("gemini", GeminiSettings(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def about(asked: Asked, form: str, name: str) -> bool:
    return bool(asked.schema["title"] == form and f"Department: {name}" in asked.prompt)

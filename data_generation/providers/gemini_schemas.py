"""What Gemini is asked to fill in: words only, in lists, so that one bad line spoils no other.

The descriptions are part of the schema and reach the model.
"""

from pydantic import BaseModel, Field

VERSION = "1"
"""Of the schemas and of what is made of them: an answer to another version is no answer to this one."""


class Slot(BaseModel):
    """Something that varies within a family."""

    attribute: str = Field(description="one lower case word, such as style, color, size, pack, material, capacity")
    values: list[str] = Field(description="3 to 6 values as in a title, cheapest first where it matters for the price")


class Family(BaseModel):
    """A kind of product."""

    name: str = Field(description="as in a title, without a brand: Running Shoes")
    titles: list[str] = Field(description="2 patterns with {brand}, {name}, perhaps {series}, and slots in braces")
    slots: list[Slot] = Field(description="every slot that a title names")
    features: list[str] = Field(description="3 of them, each reads after 'with': a lid")
    uses: list[str] = Field(description="3 of them, each reads after 'for': beginners")


class DepartmentWords(BaseModel):
    """What a department sells."""

    brands: list[str] = Field(description="made-up brand names that no company has")
    series: list[str] = Field(description="made-up names of product lines, one or two words")
    families: list[Family]


class PersonaWords(BaseModel):
    """What a kind of shopper wants, and how they say it."""

    name: str = Field(description="the name of the kind of shopper, as given")
    departments: list[str] = Field(description="out of the given ones, the most wanted first")
    brands: list[str] = Field(description="favourites out of the given ones, 0 to 4")
    vocabulary: list[str] = Field(description="2 to 4 lower case patterns around {query}: cheap {query}")


class CrowdWords(BaseModel):
    """All kinds of shoppers that were asked about."""

    personas: list[PersonaWords]


class KindQueries(BaseModel):
    """What people type to find a kind of product."""

    kind: str = Field(description="the kind of product, as given")
    queries: list[str] = Field(description="lower case, natural, different from one another")


class QueryWords(BaseModel):
    """All kinds of products that were asked about."""

    kinds: list[KindQueries]

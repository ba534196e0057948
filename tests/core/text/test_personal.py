"""What must not be shown to others, and what only looks like it."""

import pytest

from core.text.normalize import normalize
from core.text.personal import looks_personal

PERSONAL = [
    "jane.doe@example.com",
    "Mary@Example.com",
    "mary gmail.com",
    "contact jane_doe@gmail.com",
    "+1 (555) 234-5678",
    "555-234-5678",
    "555.234.5678",
    "john smith 555-234-5678",
    "5552345678",
    "call 555 1234",
    "555-1234",
    "+49 170 1234567",
    "0170 1234567",
    "06 12 34 56 78",
    "+44 20 7946 0958",
    "491701234567",
    "4111 1111 1111 1111",
    "4111111111111111",
    "visa 4111-1111-1111-1111 black",
    "3782 822463 10005",
    "DE89 3704 0044 0532 0130 00",
    "de89370400440532013000",
    "pay to GB29 NWBK 6016 1331 9268 19",
    "12 main street",
    "12 Main St.",
    "send to 12 main street",
    "221b baker street",
    "350 5th ave",
    "350 fifth ave new york 10118",
    "1600 pennsylvania avenue nw washington",
    "12 oak drive apt 3",
    "main street springfield 12345",
    "apt 4b",
    "P.O. Box 44",
    "Hauptstraße 5",
    "12 rue de rivoli",
    "123-45-6789",
    "123 45 6789",
]
HARMLESS = [
    "",
    "red shoes",
    "1/2 in pvc pipe",
    "samsung galaxy s21",
    "2x4x8 lumber",
    "iphone 13 pro max 256gb",
    "xbox 360 4gb",
    "call of duty 4",
    "call of duty 2 wii 2011",
    "dcd771c2",
    "1080p 60hz",
    "036000291452",  # a valid UPC
    "4006381333931",  # a valid EAN
    "978-0-306-40615-7",  # a valid ISBN
    "0306406152",  # the same in its older form
    "205642587",  # an item number
    "1000041222",
    "filter 946-0534",
    "1 tb hard drive",
    "500gb hard drive",
    "3/8 drive ratchet",
    "4 wheel drive",
    "3 way switch",
    "2 lane highway toy",
    "street fighter 4",
    "sesame street",
    "nfl street 3",
    "12 volt street light",
    "road bike 700x25",
    "12 oz dr pepper",
    "100 ct plates",
    "creative suite 5",
    "unit 2 heater",
    "1920 1080 144",
    "10 20 30 40",
    "6.5 3.25 10.75",
    "2011 2012 2013 calendar",
    "4-40 6-32 8-32 10-24 kit",
    "12-2 romex 250 ft",
    "iso 9001 2015",
    "lego 75192",
    "asp.net book",
    "90210",
]


@pytest.mark.parametrize("text", PERSONAL)
def test_personal_text_is_recognised_raw_and_normalised(text: str) -> None:
    assert looks_personal(text)
    assert looks_personal(normalize(text))


@pytest.mark.parametrize("text", HARMLESS)
def test_product_queries_are_harmless(text: str) -> None:
    assert not looks_personal(text)
    assert not looks_personal(normalize(text))


@pytest.mark.parametrize(
    ("valid", "invalid"),
    [
        ("card 4111 1111 1111 1111 new", "card 4111 1111 1111 1112 new"),
        ("iban de89 3704 0044 0532 0130 00", "iban de88 3704 0044 0532 0130 00"),
        ("4006381333932", "4006381333931"),  # no trade item number, so perhaps a telephone's
    ],
)
def test_check_digits_decide(valid: str, invalid: str) -> None:
    assert looks_personal(valid)
    assert not looks_personal(invalid)

"""Words that describe a product without saying what it is: no category is named by them alone.

Short and readable on purpose; what a list does not know is judged by where the shop's own titles put it.
"""

# Where the description of a product starts: the kind stands before it. "and" is none: "nuts and bolts".
CUTS = frozenset(
    """
    at compatible comes designed fits for from fully in including includes into made on per size sized suitable
    that to up upto using via when which with without
    """.split()  # noqa: SIM905
)
COLOURS = frozenset(
    """
    almond beige black blue bronze brown charcoal chrome clear copper cream dark espresso gold golden gray green grey
    ivory maroon multicolor multicolour mustard navy nickel orange peach pink purple red rose silver tan teal
    turquoise violet white yellow natural primed
    """.split()  # noqa: SIM905
)
MATERIALS = frozenset(
    """
    acrylic alloy aluminium aluminum brass cedar ceramic cotton fabric faux fiberglass galvanized leather metal nylon
    oak pine plastic plated polyester porcelain pvc resin rubber satin silicone silk stainless steel stone vinyl viscose
    wood wooden wool denim georgette rayon crepe iron zinc maple cherry walnut mahogany linen lithium-ion latex
    """.split()  # noqa: SIM905
)
QUALITIES = frozenset(
    """
    adjustable adult adults amp anti approved assembled assorted authentic automatic best big boy boys branded brand
    brushed bulk casual certified classic classical collection color colors colour combo comfort cordless cover-up
    cu days decorative deluxe design designer diameter digital double dual duty each electric essential essentials
    exterior extra family fashion finish fit flat free front full gas gallon gauge gift girl girls good grade great
    half heavy heavy-duty high home indoor inside interior item items kid kids large latest left long low ltd
    matte max men mens men's medium mini model modern multi multi-purpose multipurpose multicoloured new newest
    non odd offer official old online original other outdoor oval pack pair pcs perfect piece pieces polished popular
    portable powered pre premium prime pro product products professional pure qty quality quick rectangular rectangle
    regular right round select semi series set sets short side single size slim small smart soft solid special sq
    square standard star strong style stylish super thick tone top total traditional triple type ultra unisex
    universal unit use used value vintage volt warranty watt white-glove wide wired wireless women womens year years
    pint quart inch inches foot feet litre liter ml mm cm ft oz lb lbs kg gram hp btu cfm ton bottom opening collection
    sample samples discontinued equivalent x in replacement steels
    """.split()  # noqa: SIM905
)
# Which side of a thing: what they stand before is half a phrase ("load washer"), whole only with them.
SIDES = frozenset("back bottom front left lower rear right side top truly upper".split())  # noqa: SIM905
ACRONYMS = frozenset("ac dvd emt gfci hdmi hvac lcd led pc pvc rv ssd tv usb".split())  # noqa: SIM905
WEAK = COLOURS | MATERIALS | QUALITIES

/** A product's picture, or a drawn stand-in that fits its title where there is none. */

import { element, svgElement } from "./dom.js";
import { shop } from "./shop.js";

// The first line that fits a word of the title decides.
const ICONS = [
  ["paw", /\b(dogs?|cats?|pets?|puppy|kitten|bird|aquarium)\b/],
  ["watch", /\bwatch(es)?\b/],
  ["shoe", /\b(shoes?|sneakers?|boots?|sandals?|heels?|slippers?|loafers?|trainers)\b/],
  ["sound", /\b(headphones?|earbuds?|headset|speakers?|soundbar)\b/],
  ["music", /\b(musical|guitar|piano|violin|ukulele|drum|microphone|karaoke|strings)\b/],
  ["phone", /\b(phones?|smartphone|iphone|tablet|charger|charging|power bank|cable|screen protector|selfie)\b/],
  [
    "screen",
    /\b(tv|electronics|computers|television|monitor|laptop|computer|projector|camera|cam|webcam|keyboard|mouse|router|hub|drive)\b/,
  ],
  ["car", /\b(car|automotive|tire|dash|wiper|motor|jump starter|floor mats|truck)\b/],
  ["gift", /\b(gift|birthday|party|balloon|christmas|greeting|photo frame)\b/],
  ["game", /\b(toys?|games?|puzzle|blocks|doll|scooter|kit|plush|controller|water gun)\b/],
  [
    "bike",
    /\b(bike|sports & outdoors|bicycle|helmet|treadmill|dumbbells?|yoga|tent|basketball|fishing|resistance|cooler|goggles)\b/,
  ],
  ["food", /\b(grocery|gourmet|coffee|tea|mug|chocolate|honey|pasta|granola|nuts|sauce|bars|olive oil|protein|food)\b/],
  [
    "bottle",
    /\b(bottles?|beauty|health|shampoo|conditioner|serum|sunscreen|lipstick|mascara|perfume|moisturizer|detergent|vitamins?|multivitamin|gummies|makeup)\b/,
  ],
  ["bed", /\b(bed|bedding|mattress|pillows?|sheet|comforter|duvet|blanket|crib|towels?|curtains?|rug)\b/],
  ["lamp", /\b(lamps?|lighting|lights?|bulbs?|candle|fan|lantern)\b/],
  ["chair", /\b(chairs?|sofa|desk|table|stools?|stand|bookshelf|dresser|nightstand|rack|stroller|furniture|mirror)\b/],
  ["pot", /\b(fryer|pan|pot|kettle|blender|toaster|cookware|knife|containers?|espresso|maker|grill|kitchen)\b/],
  ["tool", /\b(drill|wrench|saw|tools?|screwdriver|tape|faucet|shower|paint|lock|vacuum|inflator|shears)\b/],
  ["leaf", /\b(garden|plants?|planter|seeds|hose|lawn|patio|outdoor|air purifier|humidifier)\b/],
  ["book", /\b(books?|notebook|planner|pens?|pencil|paper|whiteboard|calculator|cards?)\b/],
  ["bag", /\b(bags?|luggage|backpack|tote|duffel|suitcase|wallet|carrier|purse)\b/],
  [
    "clothes",
    /\b(clothing|fashion|apparel|shirt|t-shirt|dress|hoodie|jeans|pants|shorts|skirt|jacket|coat|sweater|cardigan|leggings|blouse|bra|swimsuit|pajama|onesies|briefs|belt|polo)\b/,
  ],
];

// Colours that titles name: hue in degrees and saturation in percent of the drawing.
const COLOURS = [
  [/\b(core black|black|charcoal|graphite|gr[ae]y|silver|chrome|stainless steel|white|clear)\b/, 215, 8],
  [/\b(navy|blue|indigo|denim)\b/, 215, 42],
  [/\b(teal|turquoise|aqua)\b/, 180, 36],
  [/\b(green|sage|olive|mint|forest)\b/, 135, 26],
  [/\b(yellow|gold|mustard|lemon|honey|brass)\b/, 44, 56],
  [/\b(orange|terracotta|copper|amber|coral)\b/, 22, 54],
  [/\b(red|burgundy|ruby|berry)\b/, 355, 46],
  [/\b(pink|rose|blush|mauve)\b/, 338, 46],
  [/\b(purple|lavender|violet)\b/, 270, 36],
  [/\b(brown|tan|beige|oak|walnut|wood|cream|ivory|natural|khaki|espresso|rustic|coffee|chocolate)\b/, 32, 28],
];

/** A picture for a card: the shop's image where its host is allowed, replaced by the drawn one if it does not load. */
export function picture(product) {
  const frame = element("div", { class: "picture" });
  const drawn = () => frame.replaceChildren(drawing(product));
  if (isAllowed(product.image_url)) {
    frame.append(
      element("img", { src: product.image_url, alt: "", loading: "lazy", decoding: "async", onerror: drawn }),
    );
  } else {
    drawn();
  }
  return frame;
}

/** Whether the page's content policy lets the image through (IMAGE_HOSTS): asking for others only fills the console. */
function isAllowed(address) {
  if (!address || !URL.canParse(address, location.href)) return false;
  const { origin, protocol, host } = new URL(address, location.href);
  if (origin === location.origin) return true;
  const fits = (allowed) => (allowed.startsWith("*.") ? host.endsWith(allowed.slice(1)) : host === allowed);
  return protocol === "https:" && shop.image_hosts.some(fits);
}

/** The drawn picture: the kind of thing on a ground in its colour. It carries its colours with it into any tree. */
export function drawing(product) {
  const title = product.title.toLowerCase();
  const name = ICONS.find(([, words]) => words.test(title))?.[0] ?? "box";
  const own = hashed(product.title);
  const named = COLOURS.find(([words]) => words.test(title));
  // Without a colour in its title, a product gets one near its category's.
  const [hue, saturation] = named ? named.slice(1) : [(hashed(product.category ?? title) + (own % 50)) % 360, 34];
  const tone = (light, dark, turned = 0) => {
    const colour = (lightness) => `hsl(${(hue + turned) % 360} ${saturation}% ${lightness}%)`;
    return `light-dark(${colour(light)}, ${colour(dark)})`;
  };
  const filled = (shape, light, dark, turned) => {
    shape.style.fill = tone(light, dark, turned); // through the CSSOM, which the content policy allows
    return shape;
  };
  const mark = svgElement("use", { href: `/static/icons.svg#${name}`, x: 52, y: 46, width: 96, height: 96 });
  Object.assign(mark.style, { fill: tone(99, 14), stroke: tone(34, 82), strokeWidth: "0.9", strokeLinejoin: "round" });
  return svgElement(
    "svg",
    { class: "drawing", viewBox: "0 0 200 200", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" },
    filled(svgElement("rect", { width: 200, height: 200 }), 90, 22),
    filled(svgElement("circle", { cx: 30 + (own % 140), cy: 10 + ((own >> 8) % 50), r: 66 }), 94, 27, 12),
    filled(svgElement("circle", { cx: 20 + ((own >> 4) % 160), cy: 160 + ((own >> 12) % 40), r: 48 }), 93, 26, 348),
    filled(svgElement("ellipse", { cx: 100, cy: 152, rx: 52, ry: 7 }), 78, 15), // what it stands on
    mark,
  );
}

/** A small stable hash of a text (FNV-1a), ≥ 0. */
function hashed(text) {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ char.codePointAt(0), 0x01000193);
  return value >>> 0;
}

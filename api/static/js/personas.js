/** The switcher of shoppers: a new visitor, or one of the personas that have a history in this shop. */

import { element } from "./dom.js";
import { client, shop } from "./shop.js";

const NEWCOMER = "";

/**
 * Fill `select` with the shoppers. `before()` is called while the page still belongs to the one before, `after(words)`
 * when it belongs to another one, be it that another tab has switched.
 */
export async function installSwitcher(select, label, { before, after }) {
  if (shop.shoppers.length === 0) return;
  const options = shop.shoppers.map(({ user_id, name, about }) =>
    element("option", { value: user_id, title: about }, name),
  );
  select.replaceChildren(element("option", { value: NEWCOMER }, "New visitor"), ...options);
  let shown = await current();
  select.value = known(shown)?.user_id ?? NEWCOMER;
  label.hidden = false; // from now on somebody may choose

  function switched(user) {
    shown = user;
    const shopper = known(user);
    select.value = shopper?.user_id ?? NEWCOMER;
    after(
      shopper ? `Shopping as ${shopper.name}. ${shopper.about}` : "Shopping as a new visitor of whom nothing is known.",
    );
  }

  addEventListener("storage", async () => {
    const user = await current();
    if (user !== null && user !== shown) switched(user);
  });
  select.addEventListener("change", async () => {
    const chosen = select.value; // arrow keys pass over others, each of whom begins a session; the last one holds
    before();
    try {
      const { user_id } = await client.start(chosen ? { user_id: chosen } : {});
      if (chosen === select.value) switched(user_id);
    } catch (error) {
      select.value = known(shown)?.user_id ?? NEWCOMER;
      after(error.message);
    }
  });
}

function known(user) {
  return shop.shoppers.find(({ user_id }) => user_id === user);
}

async function current() {
  try {
    return (await client.session()).user_id;
  } catch {
    return null; // the server is away
  }
}

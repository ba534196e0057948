/** The switcher of shoppers: a new visitor, or one of the personas that have a history in this shop. */

import { element } from "./dom.js";
import { client, shop } from "./shop.js";

const NEWCOMER = "";

/** Fill `select` with the shoppers; `onSwitch(words)` is called when the page belongs to another one. */
export async function installSwitcher(select, label, onSwitch) {
  if (shop.shoppers.length === 0) return;
  const options = shop.shoppers.map(({ user_id, name, about }) =>
    element("option", { value: user_id, title: about }, name),
  );
  select.replaceChildren(element("option", { value: NEWCOMER }, "New visitor"), ...options);
  label.hidden = false;
  await show(select);
  addEventListener("storage", () => show(select)); // another tab may have switched
  select.addEventListener("change", async () => {
    const chosen = shop.shoppers.find(({ user_id }) => user_id === select.value);
    try {
      await client.start(chosen ? { user_id: chosen.user_id } : {});
      onSwitch(
        chosen ? `Shopping as ${chosen.name}. ${chosen.about}` : "Shopping as a new visitor of whom nothing is known.",
      );
    } catch (error) {
      await show(select);
      onSwitch(error.message);
    }
  });
}

async function show(select) {
  try {
    const { user_id } = await client.session();
    select.value = shop.shoppers.some((one) => one.user_id === user_id) ? user_id : NEWCOMER;
  } catch {
    select.value = NEWCOMER; // the server is away
  }
}

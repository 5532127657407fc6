/** The shop, quicker: filters at once, options in a dialog, the cart without leaving the menu. */

import { keepCart } from "../shop/cart.ts";
import { openDishes } from "../shop/dish.ts";
import { findPlace } from "../shop/place.ts";
import { followSections } from "../shop/sections.ts";

for (const form of document.querySelectorAll<HTMLFormElement>("form.filters")) {
  form.classList.add("at-once");
  form.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("submit", () => {
    for (const field of form.querySelectorAll("select")) if (!field.value) field.disabled = true;
  });
}
followSections();
keepCart();
openDishes();
findPlace();

// Filters stay open or shut as somebody left them, and focus and page where they were, though each choice brings the
// list anew; what is empty stays out of the address.
(() => {
  "use strict";
  const left = new Map();
  const each = (act) => document.querySelectorAll("#list details[id]").forEach(act);
  let at = "", height = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "list") return;
    each((filter) => left.set(filter.id, filter.open));
    at = document.activeElement?.id;
    height = scrollY;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "list") return;
    each((filter) => (filter.open = left.get(filter.id) ?? filter.open));
    if (at) document.getElementById(at)?.focus({ preventScroll: true });
    scrollTo({ top: height, behavior: "instant" }); // the browser went along with what was pushed down by the new list
  });
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target.id !== "list") return;
    const said = event.detail.formData;
    for (const [name, value] of [...said]) if (value === "") said.delete(name);
  });
})();

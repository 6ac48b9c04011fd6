// Compare: a handle over a picture shows the control at its left. Where handles stand outlives what htmx brings.
(() => {
  "use strict";
  const stands = new Map();
  const cut = (range) => {
    range.previousElementSibling.style.setProperty("--cut", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} %`);
  };
  const all = () => {
    for (const range of document.querySelectorAll(".over input")) {
      range.value = stands.get(range.id) ?? range.value;
      cut(range);
    }
  };
  document.addEventListener("input", (event) => {
    if (!event.target.matches?.(".over input")) return;
    stands.set(event.target.id, event.target.value);
    cut(event.target);
  });
  document.addEventListener("htmx:afterSwap", all);
  all();
})();

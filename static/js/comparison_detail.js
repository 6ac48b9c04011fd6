// Compare: a handle over a picture shows the control at its left; where handles stand, and how far stacks were swiped,
// outlives what htmx brings. Columns' names stay at the top once the table's head is out of sight.
(() => {
  "use strict";
  const stands = new Map();
  let swiped = 0;
  const cut = (range) => {
    range.previousElementSibling.style.setProperty("--cut", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} %`);
  };
  const all = () => {
    for (const range of document.querySelectorAll(".over input")) {
      range.value = stands.get(range.id) ?? range.value;
      cut(range);
    }
    const cells = document.getElementById("cells");
    if (cells) cells.scrollLeft = swiped;
    name();
  };
  const name = () => {
    const names = document.querySelector(".names"), heads = [...document.querySelectorAll("#cells thead th")];
    if (!names || !heads.length) return;
    const table = heads[0].closest("table").getBoundingClientRect();
    names.hidden = heads[0].getBoundingClientRect().bottom > 0 || table.bottom < 80;
    if (names.hidden) return;
    names.firstElementChild.replaceChildren(...heads.map((head) => {
      const span = document.createElement("span");
      span.textContent = head.querySelector("b")?.textContent ?? "";
      span.style.width = `${head.getBoundingClientRect().width}px`;
      return span;
    }));
    names.firstElementChild.scrollLeft = swiped;
  };
  document.addEventListener("input", (event) => {
    if (!event.target.matches?.(".over input")) return;
    stands.set(event.target.id, event.target.value);
    cut(event.target);
  });
  document.addEventListener("scroll", (event) => {
    if (event.target.id === "cells") swiped = event.target.scrollLeft;
    name();
  }, { capture: true, passive: true });
  addEventListener("resize", name);
  document.addEventListener("htmx:afterSwap", all);
  all();
})();

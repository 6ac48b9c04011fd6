// Keys of a model's page: t tries it, c copies its trigger words, [ and ] go through its versions.
(() => {
  "use strict";
  const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
    if (document.cookie.includes("keys=off") || document.querySelector("dialog[open]")) return;
    const here = document.querySelector(".tabs [aria-current]");
    const target = {
      t: document.querySelector("[data-key=t]"),
      c: document.querySelector("[data-key=c]"),
      "[": here?.previousElementSibling,
      "]": here?.nextElementSibling,
    }[event.key];
    if (!target) return;
    event.preventDefault();
    target.click();
  });
})();

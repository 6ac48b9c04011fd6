// Keys of pages with grids, and those that a page tells by data-key. Base.js has those of every page.
(() => {
  "use strict";
  // In a grid the arrows walk from piece to piece; up and down to the nearest of the next row.
  const walk = (event) => {
    const grid = event.target.closest?.(".grid, .tiles, .prompts, .film");
    if (!grid || event.target.matches("input, select, textarea")) return false;
    const links = [...grid.children].map((one) => one.querySelector("h2 a, h3 a, a")).filter(Boolean);
    const at = links.findIndex((link) => link === event.target || link.closest(".card, .tile, li")?.contains(event.target));
    if (at < 0) return false;
    const rtl = getComputedStyle(grid).direction === "rtl" ? -1 : 1;
    const step = { ArrowLeft: -rtl, ArrowRight: rtl }[event.key];
    let next = step && links[at + step];
    if (!step) {
      const box = (link) => (link.closest(".card, .tile, li") || link).getBoundingClientRect();
      const here = box(links[at]), down = event.key === "ArrowDown";
      const rows = links.map(box).map((one, n) => [Math.round(one.top), Math.abs(one.left - here.left), n]).filter(([top]) => (down ? top > here.top + 8 : top < here.top - 8));
      next = links[rows.sort((a, b) => (down ? a[0] - b[0] : b[0] - a[0]) || a[1] - b[1])[0]?.[2]];
    }
    next?.focus();
    return Boolean(next);
  };
  // Other keys are told by the page: data-key on what they press, or focus.
  const pressed = (key) => {
    const here = document.querySelector(".tabs [aria-current]");
    return { "[": here?.previousElementSibling, "]": here?.nextElementSibling }[key] || document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  };
  const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
    if (/^Arrow/.test(event.key) && walk(event)) return event.preventDefault();
    if (document.cookie.includes("keys=off") || document.querySelector("dialog[open]")) return;
    const target = pressed(event.key);
    if (!target) return;
    event.preventDefault();
    if (target.matches("[data-key-focus]")) target.focus(); else target.click();
  });
})();

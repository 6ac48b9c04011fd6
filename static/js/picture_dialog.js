// A picture of a grid opens over it, under its own address; arrows go on in the grid, Esc and Back lead to it again.
(() => {
  "use strict";
  const dialog = document.getElementById("picture");
  if (!dialog) return;
  const TILES = ".tiles .tile > a.frame";
  const shown = dialog.querySelector("[data-shown]");
  const name = dialog.getAttribute("aria-label");
  const steps = [...dialog.querySelectorAll("[data-step]")];
  let tile = null, title = "";
  let grid = false, leaving = false; // whether a step of the history is the dialog's own; whether it is being taken back

  const links = () => [...(tile?.closest(".tiles")?.querySelectorAll(TILES) ?? [])];
  const beside = (step) => links()[links().indexOf(tile) + step];
  // The grid's page may have the same ids.
  const own = (viewer) => {
    for (const one of viewer.querySelectorAll("[id]")) {
      for (const name of ["data-copy-of", "hx-target", "aria-labelledby", "for"]) {
        const mark = name.startsWith("a") || name === "for" ? "" : "#";
        for (const other of viewer.querySelectorAll(`[${name}=${JSON.stringify(mark + one.id)}]`)) other.setAttribute(name, `${mark}shown-${one.id}`);
      }
      one.id = `shown-${one.id}`;
    }
  };
  const show = async (link) => {
    tile = link;
    const address = link.href;
    let page;
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true" } }); // without the page around it
      page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch { /* the page itself says what is wrong */ }
    if (tile !== link) return; // another was asked for meanwhile
    const viewer = page && page.querySelector(".viewer");
    if (!viewer) return location.assign(address);
    own(viewer);
    shown.replaceChildren(document.adoptNode(viewer));
    htmx.process(shown);
    document.title = page.title;
    dialog.setAttribute("aria-label", shown.querySelector(".frame img")?.alt || name);
    dialog.querySelector("[data-page]").href = address;
    steps.forEach((button) => (button.disabled = !beside(Number(button.dataset.step))));
    dialog.scrollTop = 0;
    if (dialog.open) return history.replaceState({ picture: true }, "", address);
    grid = true;
    history.pushState({ picture: true }, "", address);
    dialog.showModal();
  };
  const go = (step) => {
    const next = beside(step);
    // The grid's own end: what comes next is fetched as if somebody had scrolled there.
    if (!beside(2 * step) && step > 0) tile.closest(".tiles").querySelector(".more a")?.click();
    if (next) show(next);
  };
  const closed = () => {
    grid = false;
    document.title = title;
    tile?.scrollIntoView({ block: "nearest" });
    tile?.focus();
    shown.replaceChildren();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(TILES);
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    title = document.title;
    show(link);
  });
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (button) go(Number(button.dataset.step));
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const rtl = getComputedStyle(dialog).direction === "rtl" ? -1 : 1;
    const step = { ArrowLeft: -rtl, ArrowRight: rtl }[event.key];
    if (step) go(step);
    else if (event.key === "z") shown.querySelector(".viewer > .frame")?.click();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    if (!grid) return;
    closed();
    leaving = true;
    history.back();
  });
  // Before htmx, which would fetch the grid anew: it is still there.
  addEventListener("popstate", (event) => {
    if (!dialog.open && !leaving) return event.state?.picture && location.reload();
    event.stopImmediatePropagation();
    leaving = false;
    if (!dialog.open) return;
    dialog.close();
    closed();
  }, true);
})();

// While <lora:…, <hypernet:… or embedding:… is written, the adapters that fit are offered; what is taken becomes a row of the stack.
(() => {
  "use strict";
  const WRITTEN = /(?:<(lora|lyco|hypernet):|\b(embedding):)([^:<>\n]{0,60})$/;
  const KINDS = { hypernet: (kind) => kind === "hypernetwork", embedding: (kind) => kind === "textual_inversion", lora: (kind) => kind !== "hypernetwork" && kind !== "textual_inversion" };
  let list = null, box = null, asked = null, timer = 0;

  const close = () => {
    clearTimeout(timer);
    asked?.abort();
    list?.remove();
    box?.removeAttribute("aria-activedescendant");
    box?.removeAttribute("aria-controls");
    list = box = asked = null;
  };
  const written = (area) => area.selectionStart === area.selectionEnd && WRITTEN.exec(area.value.slice(0, area.selectionStart));
  const choose = (row) => {
    for (const one of list.children) one.setAttribute("aria-selected", String(one === row));
    box.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  };
  const take = (row) => {
    const area = box, found = written(area), name = row.dataset.value;
    close();
    if (found) {
      area.setRangeText("", found.index, area.selectionStart, "end");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    document.getElementById("adapter").value = name;
    document.getElementById("add").click();
    area.focus();
  };
  const show = (area, found, text) => {
    const options = [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("option")];
    const fits = KINDS[found[2] || (found[1] === "hypernet" ? "hypernet" : "lora")];
    const offered = options.filter((option) => fits(option.dataset.kind)).slice(0, 8);
    close();
    if (!offered.length) return;
    box = area;
    list = document.createElement("ul");
    list.id = "offers";
    list.className = "offers";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", document.getElementById("ask").dataset.offers);
    offered.forEach((option, n) => {
      const row = document.createElement("li");
      row.id = `offer-${n}`;
      row.dataset.value = option.value;
      row.textContent = option.value.replace(/ · #\d+$/, "");
      row.setAttribute("role", "option");
      row.addEventListener("mousedown", (event) => { event.preventDefault(); take(row); });
      list.append(row);
    });
    area.after(list);
    area.setAttribute("aria-controls", list.id);
    choose(list.firstChild);
  };
  const look = async (area) => {
    const found = written(area), field = document.getElementById("adapter");
    if (!found || !field) return close();
    asked?.abort();
    asked = new AbortController();
    const query = new URLSearchParams({ adapter: found[3].trim(), base: document.getElementById("base")?.value || "" });
    try {
      const answer = await fetch(`${field.getAttribute("hx-get")}?${query}`, { signal: asked.signal });
      const now = written(area);
      if (answer.ok && now && now[0] === found[0]) show(area, found, await answer.text());
    } catch { /* another letter came, or the hub is away: then nothing is offered */ }
  };

  document.addEventListener("input", (event) => {
    const area = event.target.closest?.("#prompt, #negative");
    if (!area) return;
    if (!written(area)) return close();
    clearTimeout(timer);
    timer = setTimeout(look, 150, area);
  });
  document.addEventListener("keydown", (event) => {
    if (!list || event.target !== box || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...list.children], at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") choose(rows[(at + 1) % rows.length]);
    else if (event.key === "ArrowUp") choose(rows[(at + rows.length - 1) % rows.length]);
    else if (event.key === "Enter" || event.key === "Tab") take(rows[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("focusout", (event) => { if (event.target === box) close(); });
})();

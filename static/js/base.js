// What every page has: theme switch, copy buttons, keys, the CSRF header for htmx, one toast.
(() => {
  const root = document.documentElement;
  const cookie = (name) => (document.cookie.match(`(?:^|; )${name}=([^;]*)`) || [])[1] || "";
  const keep = (name, value) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  };

  // Theme: the server reads the cookie, so the next page comes without a flash.
  const flip = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    keep("theme", (root.dataset.theme = dark ? "light" : "dark"));
  };

  // One toast at a time, six seconds, held while it is looked at.
  const toast = document.querySelector(".toast");
  let timer;
  const say = (words) => {
    if (!toast || !words) return;
    toast.textContent = words;
    toast.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => (toast.hidden = true), 6000);
  };
  toast?.addEventListener("mouseenter", () => clearTimeout(timer));
  toast?.addEventListener("mouseleave", () => (timer = setTimeout(() => (toast.hidden = true), 2000)));
  document.addEventListener("weightroom:say", (event) => say(event.detail));

  // Copy: the button says so in its place. data-copy is the text, or empty with data-copy-of="#id".
  const copied = new WeakMap();
  const copy = async (button) => {
    const from = button.dataset.copyOf && document.querySelector(button.dataset.copyOf);
    const text = from ? (from.value ?? from.textContent) : button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https there is no clipboard; the old way still works.
      const area = Object.assign(document.createElement("textarea"), { value: text, className: "vh" });
      button.after(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      button.focus();
      if (!done) return say(toast?.dataset.notCopied);
    }
    const place = button.querySelector("code, [data-say]") || button;
    if (copied.has(button)) clearTimeout(copied.get(button).timer);
    const words = copied.get(button)?.words ?? place.textContent;
    place.textContent = toast?.dataset.copied || "✓";
    copied.set(button, { words, timer: setTimeout(() => { place.textContent = words; copied.delete(button); }, 1200) });
  };

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    const open = document.querySelectorAll("details.menu[open]");
    open.forEach((menu) => menu.contains(event.target) || (menu.open = false));
    if (hit("[data-theme-switch]")) flip();
    else if (hit("[data-copy], [data-copy-of]")) copy(hit("[data-copy], [data-copy-of]"));
    else if (hit("[data-keys]")) document.getElementById("keys")?.showModal();
    else if (event.target.matches?.("dialog")) {
      const box = event.target.getBoundingClientRect();
      if (event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom) event.target.close();
    }
  });

  // Selects and boxes that send their form at once; without scripts a button does.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-keys-on]")) keep("keys", event.target.checked ? "on" : "off");
    if (event.target.matches("[data-submit]")) event.target.form?.requestSubmit();
  });

  // Scripts that nothing needs before somebody points, focuses or writes: <template data-later>.
  const bring = () => document.querySelectorAll("[data-later]").forEach((one) => one.replaceWith(Object.assign(document.createElement("script"), { src: one.dataset.later })));
  for (const sign of ["pointerover", "focusin", "keydown", "dragenter"]) addEventListener(sign, bring, { once: true, capture: true });

  // A search among a form's choices does not send the form.
  document.addEventListener("change", (event) => event.target.matches("[data-narrow]") && event.stopPropagation(), true);

  // Keys. Single letters never act while typing, and can be switched off.
  const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]");
  const places = { m: "/models", p: "/prompts", i: "/pictures", t: "/try" };
  let going = 0;
  const box = document.querySelector("[data-keys-on]");
  if (box) box.checked = cookie("keys") !== "off";
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.querySelector("details.menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches?.("textarea") && !event.target.closest("#try, [data-decide]")) {
      event.preventDefault();
      event.target.form?.requestSubmit();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
    if (cookie("keys") === "off" || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("search")?.select();
    } else if (event.key === "?") document.getElementById("keys")?.showModal();
    else if (event.key === "g") going = Date.now();
    else if (places[event.key] && Date.now() - going < 1500) {
      event.preventDefault();
      event.stopImmediatePropagation();
      location.href = places[event.key];
    } else going = 0;
  }, true);

  // What is found while typing: arrows walk through it, Esc or leaving closes it, a late answer does not reopen it.
  const search = document.getElementById("search"), found = document.getElementById("found");
  const form = search?.form;
  const shut = () => { found.replaceChildren(); htmx.trigger(search, "htmx:abort"); };
  form?.addEventListener("keydown", (event) => {
    const links = [...found.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    if (event.key === "Escape" && links.length) { search.focus(); shut(); }
    else if (links.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      (links[at + (event.key === "ArrowDown" ? 1 : -1)] || search).focus();
    }
  });
  form?.addEventListener("focusout", (event) => form.contains(event.relatedTarget) || setTimeout(() => form.contains(document.activeElement) || shut(), 200));

  // The open tab of a wide row is in sight.
  for (const tab of document.querySelectorAll(".tabs > [aria-current]")) {
    tab.parentElement.scrollLeft += tab.getBoundingClientRect().left - tab.parentElement.getBoundingClientRect().left - 16;
  }

  // htmx: Django's token; what fails is said; a refusal takes the focus to its first message.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = cookie("csrftoken");
  });
  document.addEventListener("htmx:responseError", () => say(toast?.dataset.broken));
  document.addEventListener("htmx:sendError", (event) => {
    // A poll that misses once is not worth a word; it comes again by itself.
    if (!/every /.test(event.detail.elt?.getAttribute("hx-trigger") || "")) say(toast?.dataset.offline);
  });
  // htmx keeps the focus on what has an id; where a swap took the focused thing away, the part's heading has it.
  let left;
  document.addEventListener("htmx:beforeSwap", (event) => (left = event.detail.target?.contains(document.activeElement)));
  document.addEventListener("htmx:afterSettle", (event) => {
    const part = event.detail.elt;
    if (event.detail.xhr?.status >= 400) part.querySelector("[aria-invalid=true], [role=alert]")?.focus();
    else if (left && document.activeElement === document.body) part.querySelector("h2[tabindex]")?.focus();
  });
})();

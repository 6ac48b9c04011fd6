// The moderators' keys: j and k walk, Space lifts the veil, 1 to 6 choose, Ctrl+Enter decides, u takes back.
(() => {
  const shown = document.getElementById("case") ?? document.createElement("article");
  const off = () => /(?:^|; )keys=off/.test(document.cookie);
  const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, summary, button, a");
  const go = (address) => { if (address) location.href = address; };
  document.addEventListener("keydown", (event) => {
    const form = shown.querySelector("[data-decide]");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form) {
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || off()) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === " ") {
      const veil = shown.querySelector("[data-veil]");
      if (!veil) return;
      veil.open = !veil.open;
      event.preventDefault();
    } else if (event.key === "j") go(shown.dataset.after);
    else if (event.key === "k") go(shown.dataset.before);
    else if (event.key === "u") (shown.querySelector("[data-undo]") ?? document.querySelector("[data-undo]"))?.click();
    else {
      const choice = form?.querySelector(`[data-number="${CSS.escape(event.key)}"]`);
      if (choice) { choice.checked = true; form.elements.sentence.focus(); event.preventDefault(); }
    }
  });
})();

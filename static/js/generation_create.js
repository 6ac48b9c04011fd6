// Try it: slider, number and plate move together; words go into the prompt; Ctrl+Enter draws, with Shift before one's others; htmx swaps the rest.
(() => {
  // The form is swapped when the base changes, so nothing holds on to it.
  const within = (event) => event.target.closest?.("#try");

  const plate = (form, number, weight) => {
    const plates = form.querySelectorAll(".barbox .plate");
    const boxes = [...form.querySelectorAll("[name=on]")];
    if (!boxes[number]?.checked) return;
    const shown = plates[boxes.slice(0, number).filter((box) => box.checked && !box.closest(".off")).length];
    if (!shown || boxes[number].closest(".off")) return;
    const height = 5 + Math.min(1.1, Math.abs(weight)) * 20;
    shown.setAttribute("height", height);
    shown.setAttribute("y", (28 - height) / 2);
    shown.classList.toggle("minus", weight < 0);
  };
  document.addEventListener("input", (event) => {
    const form = within(event);
    if (!form) return;
    const { weigh, weight } = event.target.dataset;
    if (weigh === undefined && weight === undefined) return;
    const other = weigh === undefined ? `[data-weigh="${weight}"]` : `[data-weight="${weigh}"]`;
    const twin = form.querySelector(other);
    if (twin) twin.value = event.target.value;
    plate(form, Number(weigh ?? weight), Number(event.target.value));
  });

  const insert = (word) => {
    const box = document.getElementById("prompt");
    if (box.value.includes(word)) return;
    const at = box.selectionStart || 0;
    const [before, after] = [box.value.slice(0, at), box.value.slice(at)];
    const left = before && !/[,\s]$/.test(before) ? ", " : "";
    const right = after && !/^\s*,/.test(after) ? ", " : "";
    box.setRangeText(left + word + right, at, at, "end");
    box.focus();
  };
  document.addEventListener("click", (event) => {
    const button = within(event) && event.target.closest("button");
    if (!button) return;
    if (button.dataset.word !== undefined) {
      event.preventDefault();
      insert(button.dataset.word);
    } else if (button.dataset.seed !== undefined) {
      document.getElementById("seed").value = button.dataset.seed;
    } else if (button.dataset.size !== undefined) {
      event.preventDefault();
      [document.getElementById("width").value, document.getElementById("height").value] = button.dataset.size.split("×");
    } else if (button.dataset.swap !== undefined) {
      event.preventDefault();
      const [width, height] = [document.getElementById("width"), document.getElementById("height")];
      [width.value, height.value] = [height.value, width.value];
    }
  });

  // A picture to draw by arrives, or is taken out again; beside it stands what a preprocessor makes of it.
  const given = (place, sha256) => {
    const box = place.closest(".guide");
    const input = [...box.querySelectorAll("input[type=hidden]")].find((one) => one.name.endsWith(`_${place.dataset.material}`));
    const [seen, out] = [place.querySelector("[data-given]"), place.querySelector("[data-take-out]")];
    input.value = sha256;
    seen.hidden = out.hidden = !sha256;
    if (sha256) seen.src = `/image/${sha256}/width=320/given`;
    trace(box);
  };
  const trace = async (box, tries = 40) => {
    const seen = box.querySelector("[data-traced]");
    if (!seen) return;
    const value = (end) => box.querySelector(`[name$="_${end}"]`)?.value ?? "";
    const wanted = `/try/hint/${value("picture")}?${new URLSearchParams({ preprocessor: value("preprocessor"), low: value("low"), high: value("high") })}`;
    seen.dataset.wanted = wanted;
    seen.hidden = true;
    if (!value("picture") || value("preprocessor") === "none") return;
    for (; tries > 0 && seen.dataset.wanted === wanted; tries -= 1) {
      const answer = await fetch(wanted);
      if (answer.status === 200 && seen.dataset.wanted === wanted) {
        seen.src = wanted;
        seen.hidden = false;
        return;
      }
      if (answer.status !== 202) return;
      await new Promise((wake) => setTimeout(wake, 500));
    }
  };
  document.addEventListener("picture-given", (event) => given(event.target, event.detail));
  document.addEventListener("click", (event) => {
    const out = event.target.closest?.("[data-take-out]");
    if (out) given(out.closest("[data-material]"), "");
  });
  document.addEventListener("change", (event) => {
    if (event.target.closest?.("[data-trace]")) trace(event.target.closest(".guide"));
  });
  for (const box of document.querySelectorAll(".guide")) trace(box);

  // On a phone the picture is below the button that asked for it.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.elt?.id === "look" && innerWidth < 992) document.getElementById("look").scrollIntoView({ block: "nearest" });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.getElementById(event.shiftKey ? "draw-first" : "draw")?.click();
    } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      document.getElementById("cancel")?.click();
    }
  });
})();

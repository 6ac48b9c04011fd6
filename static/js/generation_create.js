// Try it: slider, number and plate move together; words go into the prompt; Ctrl+Enter draws; htmx swaps the rest.
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
    } else if (button.dataset.swap !== undefined) {
      event.preventDefault();
      const [width, height] = [document.getElementById("width"), document.getElementById("height")];
      [width.value, height.value] = [height.value, width.value];
    }
  });

  // On a phone the picture is below the button that asked for it.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.elt?.id === "look" && innerWidth < 992) document.getElementById("look").scrollIntoView({ block: "nearest" });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.getElementById("draw")?.click();
    } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      document.getElementById("cancel")?.click();
    }
  });
})();

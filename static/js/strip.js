// The strip's ruler: moves among drawn weights; a weight that was not drawn says so and offers to draw it.
(() => {
  const part = (node) => node.closest(".strip-part");
  const show = (node, value) => {
    const here = part(node);
    const radios = [...here.querySelectorAll("input[data-drawn]")];
    const drawn = radios.find((radio) => Number(radio.value) === value);
    const nearest = radios.reduce((a, b) => (a && Math.abs(a.value - value) <= Math.abs(b.value - value) ? a : b), null);
    if (nearest && !node.matches("[type=radio]")) nearest.checked = true;
    const text = (value / 100).toFixed(2);
    const say = here.querySelector("[data-strip-say]");
    const range = here.querySelector("[data-strip-range]");
    const more = here.querySelector("[data-strip-more]");
    const draw = here.querySelector("[data-strip-draw]");
    if (range) range.value = value;
    if (say) {
      const words = say.dataset;
      const form = !drawn ? words.missing : value === 0 ? words.base : text === words.weight ? words.recommended : words.shown;
      say.textContent = form.replace("%s", text);
      range?.setAttribute("aria-valuetext", say.textContent);
      if (more && !drawn) more.value = text;
      if (draw) draw.textContent = words.draw.replace("%s", Number(more?.value || 0).toFixed(2));
    }
  };
  document.addEventListener("input", (event) => {
    const node = event.target;
    if (node.matches("[data-strip-range]")) show(node, Number(node.value));
    if (node.matches("[data-strip-more]")) {
      const draw = part(node).querySelector("[data-strip-draw]");
      draw.textContent = part(node).querySelector("[data-strip-say]").dataset.draw.replace("%s", Number(node.value || 0).toFixed(2));
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[name=strip-weight]")) show(event.target, Number(event.target.value));
  });
})();

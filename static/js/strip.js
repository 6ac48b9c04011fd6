// The strip's ruler: moves among drawn weights; a weight that was not drawn says so and offers to draw it.
(() => {
  // As the page writes weights: 0.8, 1.0, 0.65, −0.5.
  const words = (weight) => Number(weight || 0).toFixed(2).replace(/0$/, "").replace("-", "−");
  const part = (node) => node.closest(".strip-part");
  const show = (node, value) => {
    const here = part(node);
    const radios = [...here.querySelectorAll("input[data-drawn]")];
    const drawn = radios.find((radio) => Number(radio.value) === value);
    const nearest = radios.reduce((a, b) => (a && Math.abs(a.value - value) <= Math.abs(b.value - value) ? a : b), null);
    if (nearest && !node.matches("[type=radio]")) nearest.checked = true;
    const text = words(value / 100);
    const say = here.querySelector("[data-strip-say]");
    const range = here.querySelector("[data-strip-range]");
    const more = here.querySelector("[data-strip-more]");
    const draw = here.querySelector("[data-strip-draw]");
    if (range) range.value = value;
    if (say) {
      const said = say.dataset;
      const form = !drawn ? said.missing : value === Math.round(said.weight * 100) ? said.recommended : value === 0 ? said.base : said.shown;
      say.textContent = form.replace("%s", text);
      range?.setAttribute("aria-valuetext", say.textContent);
      if (more && !drawn) more.value = value / 100;
      if (draw) draw.textContent = said.draw.replace("%s", words(more?.value));
    }
  };
  document.addEventListener("input", (event) => {
    const node = event.target;
    if (node.matches("[data-strip-range]")) show(node, Number(node.value));
    if (node.matches("[data-strip-more]")) {
      const draw = part(node).querySelector("[data-strip-draw]");
      draw.textContent = part(node).querySelector("[data-strip-say]").dataset.draw.replace("%s", words(node.value));
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[name=strip-weight]")) show(event.target, Number(event.target.value));
  });
})();

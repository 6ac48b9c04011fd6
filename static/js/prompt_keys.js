// Keys of prompts, as people know them: Ctrl+arrows change a weight, Alt+arrows move a phrase or bring earlier prompts.
(() => {
  "use strict";
  const KEPT = "prompts", MOST = 30;
  const put = (box, text, start, end, from, to) => {
    box.setRangeText(text, start, end);
    box.setSelectionRange(from, to);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const round = (number) => String(Math.round(number * 100) / 100);

  // What the caret stands in: <lora:name:0.8>, (words:1.2), or the word or selection itself.
  const weigh = (box, way) => {
    const text = box.value, at = box.selectionStart;
    for (const tag of text.matchAll(/<(?:lora|lyco|hypernet):[^:<>]+:(-?[\d.]+)(?=[:>])/g)) {
      if (at < tag.index || at > tag.index + tag[0].length + 1) continue;
      const end = tag.index + tag[0].length, start = end - tag[1].length;
      return put(box, round(Number(tag[1]) + way * 0.05), start, end, at, at);
    }
    let [start, end] = [at, box.selectionEnd];
    if (start === end) {
      for (const group of text.matchAll(/\(([^():]+):(-?[\d.]+)\)/g)) {
        if (at >= group.index && at <= group.index + group[0].length) [start, end] = [group.index + 1, group.index + 1 + group[1].length];
      }
    }
    if (start === end) {
      while (start > 0 && !/[\s,.()[\]{}<>|:]/.test(text[start - 1])) start -= 1;
      while (end < text.length && !/[\s,.()[\]{}<>|:]/.test(text[end])) end += 1;
    }
    if (start === end) return;
    const words = text.slice(start, end), after = text.slice(end).match(/^:(-?[\d.]+)\)/);
    if (text[start - 1] === "(" && after) {
      const weight = round(Number(after[1]) + way * 0.1), last = end + after[0].length;
      if (weight === "1") return put(box, words, start - 1, last, start - 1, end - 1);
      return put(box, `(${words}:${weight})`, start - 1, last, start, end);
    }
    put(box, `(${words}:${round(1 + way * 0.1)})`, start, end, start + 1, end + 1);
  };

  const move = (box, way) => {
    const parts = box.value.split(",");
    let [begin, n] = [0, 0];
    while (n < parts.length - 1 && box.selectionStart > begin + parts[n].length) begin += parts[n++].length + 1;
    const other = n + way;
    if (other < 0 || other >= parts.length) return;
    const words = parts.map((part) => part.trim());
    [words[n], words[other]] = [words[other], words[n]];
    const start = words.slice(0, other).reduce((sum, word) => sum + word.length + 2, 0);
    put(box, words.join(", "), 0, box.value.length, start, start + words[other].length);
  };

  const kept = () => { try { return JSON.parse(localStorage.getItem(KEPT)) || []; } catch { return []; } };
  let back = -1, mine = "";
  const earlier = (box, way) => {
    const all = kept();
    if (back < 0) mine = box.value;
    const to = Math.max(-1, Math.min(all.length - 1, back + way));
    if (to === back) return;
    back = to;
    const text = to < 0 ? mine : all[to];
    put(box, text, 0, box.value.length, text.length, text.length);
  };
  document.addEventListener("click", (event) => {
    const text = event.target.closest?.("#draw, #draw-first") && document.getElementById("prompt").value.trim();
    if (!text) return;
    back = -1;
    try { localStorage.setItem(KEPT, JSON.stringify([text, ...kept().filter((one) => one !== text)].slice(0, MOST))); } catch { /* a full or closed store keeps nothing */ }
  });

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("#prompt, #negative");
    if (!box || event.shiftKey || !/^Arrow/.test(event.key)) return;
    const up = { ArrowUp: 1, ArrowDown: -1 }[event.key], side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const strong = event.ctrlKey || event.metaKey;
    if (strong && !event.altKey && up) weigh(box, up);
    else if (event.altKey && !strong && side) move(box, side);
    else if (event.altKey && !strong && up && box.id === "prompt") earlier(box, up);
    else return;
    event.preventDefault();
  });
})();

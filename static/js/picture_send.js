// Pictures are sent: to a version's gallery, or to have their recipe opened. Bytes go straight to the store.
(() => {
  const cookie = (name) => document.cookie.split("; ").find((one) => one.startsWith(`${name}=`))?.split("=")[1] ?? "";
  const ask = async (url, method, body) => {
    const headers = { Accept: "application/json", "X-CSRFToken": cookie("csrftoken") };
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error ?? `${answer.status}`);
    return said;
  };
  const path = (url) => new URL(url).pathname;

  const send = async (place, file) => {
    const said = place.querySelector("[data-said]");
    const { version } = place.dataset;
    try {
      said.textContent = place.dataset.sending ?? `${file.name}: …`;
      const wanted = { name: file.name, size: file.size };
      if (version) wanted.version = Number(version);
      if (place.dataset.material) wanted.material = true;
      const begun = await ask("/api/v1/pictures/send", "POST", wanted);
      const put = await fetch(begun.put, { method: "PUT", body: file });
      if (!put.ok) throw new Error(`${put.status}`);
      let news = await ask(path(begun.finish), "POST");
      for (let tries = 0; tries < 240 && !["accepted", "refused"].includes(news.state); tries += 1) {
        await new Promise((wake) => setTimeout(wake, 500));
        news = await ask(path(begun.url), "GET");
      }
      const notes = news.findings.map((finding) => finding.sentence).join(" ");
      said.textContent = `${file.name}: ${news.state === "refused" ? news.sentence : notes}`.replace(/: $/, "");
      return news;
    } catch (error) {
      said.textContent = `${file.name}: ${error.message}`;
      return null;
    }
  };

  // The prompts that pictures carry go into the form around the place, by the pictures' numbers.
  const keep = (place, name, news) => {
    const row = document.createElement("li");
    const words = news.recipe?.prompt || news.recipe?.negative;
    row.textContent = `${name}: ${words ? words.slice(0, 120) : place.dataset.none}`;
    place.querySelector("[data-kept]").append(row);
    if (!words) return;
    const input = Object.assign(document.createElement("input"), { type: "hidden", name: "sent", value: news.id });
    place.append(input);
    for (const file of input.form.querySelectorAll("[type=file][required]")) file.required = false;
  };

  const sendAll = async (place, files) => {
    let last = null;
    for (const file of files) {
      const news = await send(place, file);
      if (place.hasAttribute("data-keep") && news?.state === "accepted") {
        keep(place, file.name, news);
        place.querySelector("[data-said]").textContent = "";
      }
      last = news ?? last;
    }
    if (place.hasAttribute("data-keep")) return;
    if (last?.state !== "accepted") return;
    if (place.dataset.material) {
      place.dispatchEvent(new CustomEvent("picture-given", { bubbles: true, detail: last.sha256 }));
      return;
    }
    // What is being written stays as it is: what the picture tells is offered beside it.
    if (!place.hasAttribute("data-open")) location.reload();
    else if (last.recipe) {
      place.querySelector("[data-said]").textContent = "";
      document.querySelector("#offer [name=sent]").value = last.id;
      document.querySelector("[data-read]").click();
    } else {
      document.querySelector("#offer").querySelectorAll("p").forEach((one) => one.remove());
      place.querySelector("[data-said]").textContent = `${files[0].name}: ${place.dataset.none}`;
    }
  };

  const placeOf = (target) => {
    const own = target.closest?.("[data-material]");
    if (own) return own;
    const drop = target.closest?.("[data-drop]");
    return drop && (drop.matches("[data-picture-send]") ? drop : drop.querySelector("[data-picture-send]"));
  };
  document.addEventListener("change", (event) => {
    const place = event.target.closest?.("[data-picture-send]");
    if (place && event.target.files?.length) sendAll(place, [...event.target.files]);
  });
  document.addEventListener("dragover", (event) => {
    if (placeOf(event.target) && event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const place = placeOf(event.target);
    if (!place || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    sendAll(place, place.hasAttribute("data-open") || place.dataset.material ? [event.dataTransfer.files[0]] : [...event.dataTransfer.files]);
  });
})();

// Sends files to the object store in parts: one at first, up to four at a time while that is faster; signed by the hub
// when they are due, again when their URLs have died. What has arrived is asked of the hub, so a reload, another day or another browser sends only the rest.
(() => {
  'use strict';
  const LANES = 4, AHEAD = 8, QUICK = 10, FASTER = 1.2, SLOWEST = 30, SAMPLE = 65536, LARGEST_HEADER = 32 << 20, GIVE_UP = 6;
  const root = document.getElementById('uploads');
  if (!root) return;
  const rows = document.getElementById('upload-rows'), drop = document.getElementById('drop');
  const chooser = drop.querySelector('input'), problem = document.getElementById('upload-problem');
  const sendings = new Map(), line = [];
  // What it says comes with the page, in the reader's language.
  const phrases = JSON.parse(root.dataset.phrases);
  const t = (name, values = {}) => phrases[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const into = root.dataset.into ? { model_id: +root.dataset.into } : {}; // the model whose new versions these are
  let active = null;

  async function hub(path, method = 'GET', body) {
    const headers = { Accept: 'application/json', 'X-CSRFToken': root.querySelector('[name=csrfmiddlewaretoken]').value };
    if (body) headers['Content-Type'] = 'application/json';
    const answer = await fetch(root.dataset.api + path, { method, headers, body: body && JSON.stringify(body) })
      .catch(() => { throw new Error(t('no-line')); });
    const said = answer.status === 204 ? null : await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(said.error || t('no-answer')), { status: answer.status, said });
    return said;
  }
  const later = error => !error.status || error.status >= 500 || error.status === 429; // worth trying again
  const bytes = n => n < 1e6 ? `${Math.round(n / 1e3)} KB` : n < 1e9 ? `${(n / 1e6).toFixed(n < 1e8 ? 1 : 0)} MB` : `${(n / 1e9).toFixed(1)} GB`;
  const time = s => s < 90 ? `${Math.max(1, Math.round(s))} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
  const complain = text => { problem.hidden = false; const p = document.createElement('p'); p.textContent = text; problem.append(p); };

  class Sending {
    constructor(row, file) {
      Object.assign(this, { row, file, id: row.dataset.upload, done: new Set(), flying: new Map(), taken: new Set(), urls: new Map(), paused: false, seen: [] });
      this.size = +row.dataset.size; this.partSize = +row.dataset.partSize; this.parts = +row.dataset.parts;
      sendings.set(this.id, this);
      row.addEventListener('click', event => {
        const act = event.target.closest('[data-act]')?.dataset.act;
        if (act === 'pause') this.pause(); else if (act === 'resume') this.resume(); else if (act === 'now') this.wake?.();
      });
    }
    get alive() { return !this.paused && this.row.isConnected; }
    bytesOf(n) { return Math.min(this.partSize, this.size - (n - 1) * this.partSize); }
    button(act, shown) { const b = this.row.querySelector(`[data-act=${act}]`); if (b) b.hidden = !shown; }
    say(text) { const words = this.row.querySelector('[data-words]'); if (words && words.textContent !== text) words.textContent = text; }
    get sent() { let n = 0; for (const k of this.done) n += this.bytesOf(k); for (const f of this.flying.values()) n += f.loaded; return n; }

    show() { // at most four times a second, however many parts report
      if (this.due || !this.alive) return;
      this.due = setTimeout(() => {
        this.due = 0;
        const sent = this.sent, now = performance.now(), bar = this.row.querySelector('progress');
        if (bar) bar.value = sent;
        this.seen.push([now, sent]);
        while (this.seen.length > 2 && now - this.seen[0][0] > 8000) this.seen.shift();
        const [then, before] = this.seen[0], speed = (sent - before) / Math.max(.25, (now - then) / 1000);
        if (!this.waiting && this.alive && this.done.size < this.parts)
          this.say(t(speed > 0 ? 'speed' : 'sending', { percent: Math.floor(100 * sent / this.size), speed: bytes(speed), left: time((this.size - sent) / speed) }));
      }, 250);
    }

    async go() { // until all is sent, it is paused, or its row is gone
      this.button('pause', true); this.button('resume', false);
      this.say(t('asking'));
      try {
        await this.patiently(async () => { this.done = new Set((await hub(`/${this.id}/parts`)).map(p => p.PartNumber)); });
        for (let round = 0; round < 3 && this.alive; round++) {
          this.seen = []; this.taken = new Set(this.done); this.show();
          await this.send();
          if (!this.alive) return;
          this.say(t('joining'));
          if (await this.complete()) return;
        }
        this.say(t('no-fit'));
      } catch (error) {
        if (error.said?.code === 'upload-over') return this.refresh();
        if (error.said?.code === 'parts-lost' && await this.complete().catch(() => false)) return;
        if (!this.paused) { this.stop(); this.say(error.message); }
      }
    }

    send() { // until no lane has work left, or the first has trouble that waiting does not mend
      return new Promise((good, bad) => {
        let lanes = 0;
        const lane = async () => {
          lanes += 1;
          for (let n; this.alive && lanes <= this.wide && (n = this.next());) {
            this.taken.add(n);
            try { await this.part(n); } catch (error) { this.taken.delete(n); throw error; }
            if (this.measure()) open();
          }
          if (!--lanes) good();
        };
        const open = () => lane().catch(bad);
        this.narrow();
        open();
      });
    }
    narrow() { this.wide = 1; this.best = 0; this.settled = false; this.mark = [performance.now(), this.sent]; }
    // Whether another lane is worth its while. Where a part takes longer than ten seconds there is only one, so that an
    // interruption costs one; else each has to make the whole a fifth faster, or it goes again.
    measure() {
      const [then, before] = this.mark, took = (performance.now() - then) / 1000, speed = (this.sent - before) / took;
      if (this.settled || took < .2) return false;
      this.mark = [performance.now(), this.sent];
      if (speed < FASTER * this.best) { this.wide -= 1; this.settled = true; return false; }
      if (this.wide === LANES || this.wide * this.partSize > QUICK * speed) return false;
      this.best = speed; this.wide += 1;
      return true;
    }
    next() { for (let n = 1; n <= this.parts; n++) if (!this.taken.has(n)) return n; return 0; }

    async part(n) {
      for (let refused = 0; this.alive;) {
        try {
          const url = await this.url(n);
          await this.put(n, url);
          this.done.add(n); this.show();
          return;
        } catch (error) {
          this.flying.delete(n);
          if (!this.alive) break;
          if (error.code) throw error; // the file itself, or the hub's refusal
          if (!later(error)) {
            if (error.said) throw error;
            this.urls.delete(n); // its URL has died: another is signed
            if (++refused >= GIVE_UP) throw new Error(t('refused'));
            if (refused < 2) continue;
          }
          await this.wait(error);
        }
      }
      this.taken.delete(n);
    }

    async url(n) {
      const known = this.urls.get(n);
      if (known && known.until > Date.now()) return known.url;
      // Lanes that ask at once share one request; URLs are signed for the next parts too.
      this.signing ??= (async () => {
        const numbers = [n];
        for (let k = n + 1; k <= this.parts && numbers.length < AHEAD; k++) if (!this.done.has(k) && !this.flying.has(k)) numbers.push(k);
        const { urls, expires } = await hub(`/${this.id}/parts`, 'POST', { numbers });
        for (const [k, url] of Object.entries(urls)) this.urls.set(+k, { url, until: Date.now() + (expires - 60) * 1000 });
      })().finally(() => { this.signing = null; });
      await this.signing;
      return this.urls.has(n) && this.urls.get(n).until > Date.now() ? this.urls.get(n).url : this.url(n);
    }

    put(n, url) {
      const start = (n - 1) * this.partSize, part = this.file.slice(start, start + this.bytesOf(n));
      return new Promise((good, bad) => {
        const request = new XMLHttpRequest(), flight = { loaded: 0, request };
        this.flying.set(n, flight);
        request.upload.onprogress = event => { flight.loaded = event.loaded; this.show(); };
        request.onload = () => {
          this.flying.delete(n);
          request.status < 300 ? good() : bad(Object.assign(new Error(t('not-taken')), { status: request.status }));
        };
        request.onabort = () => bad(new Error(t('paused')));
        // No answer: the line, or the file was changed or moved; reading one byte of it tells which.
        request.onerror = () => part.slice(0, 1).arrayBuffer().then(
          () => bad(new Error(t('no-line'))),
          () => bad(Object.assign(new Error(t('gone')), { code: 'file-gone' })));
        request.open('PUT', url);
        request.send(part);
      });
    }

    async complete() {
      let complete = true;
      await this.patiently(async () => {
        try { await hub(`/${this.id}/complete`, 'POST', {}); } catch (error) {
          if (error.said?.code !== 'wrong-parts' || !error.said.missing) throw error;
          for (const n of [...error.said.missing, ...error.said.wrong]) { this.done.delete(n); this.urls.delete(n); }
          complete = false;
        }
      });
      if (complete && this.alive) this.refresh();
      return complete;
    }

    async patiently(work) {
      while (this.row.isConnected) {
        try { await work(); this.tries = 0; return; } catch (error) { if (!later(error)) throw error; await this.wait(error); }
        if (this.paused) throw new Error(t('paused'));
      }
    }

    wait(error) { // one clock for all lanes: 1, 2, 4 … 30 s, or at once when the line is back or “Try now” is pressed
      this.narrow();
      return this.waiting ??= new Promise(done => {
        this.tries = (this.tries || 0) + 1;
        let left = Math.min(SLOWEST, 2 ** (this.tries - 1)), clock;
        const end = () => {
          clearInterval(clock); removeEventListener('online', end);
          this.waiting = this.wake = null; this.button('now', false); this.seen = [];
          // A later success starts the count anew.
          clearTimeout(this.calm); this.calm = setTimeout(() => { this.tries = 0; }, 60000);
          done();
        };
        const tell = () => this.say(t('again', { trouble: error.message, seconds: left }));
        this.wake = end; this.button('now', true); tell();
        addEventListener('online', end);
        clock = setInterval(() => { if (--left <= 0 || !this.row.isConnected) end(); else tell(); }, 1000);
      });
    }

    stop() {
      this.paused = true;
      for (const flight of this.flying.values()) flight.request.abort();
      this.flying.clear(); this.wake?.();
      this.button('pause', false); this.button('resume', this.row.isConnected);
    }
    pause() { this.stop(); this.say(t('paused-at', { percent: Math.floor(100 * this.sent / this.size) })); if (active === this) next(); }
    resume() { this.paused = false; this.button('resume', false); this.say(t('waits')); line.push(this); if (!active) next(); }
    refresh() {
      sendings.delete(this.id);
      htmx.ajax('GET', root.dataset.row.replace(/[^/]+\/row$/, `${this.id}/status`), { target: `#upload-${this.id}`, swap: 'outerHTML' });
    }
  }

  async function next() { // one file at a time, so that the first is usable soonest
    active = line.shift() || null;
    if (!active) return;
    const mine = active;
    if (mine.alive) await mine.go();
    if (active === mine) next();
  }

  async function fingerprint(file) { // tells two files of one name and size apart; only where browsers offer digests
    if (!crypto.subtle) return '';
    const ends = await new Blob([file.slice(0, SAMPLE), file.slice(-SAMPLE)]).arrayBuffer();
    return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', ends)), b => b.toString(16).padStart(2, '0')).join('');
  }

  // The file's first bytes go ahead of the rest: what the hub reads in them fills the form while the file still comes.
  async function head(row, file) {
    let size = Math.min(file.size, SAMPLE);
    if (/\.safetensors$/i.test(file.name) && file.size >= 8) {
      const length = new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true);
      if (length <= LARGEST_HEADER) size = Math.min(file.size, 8 + Number(length));
    }
    const { url } = await hub(`/${row.dataset.upload}/head`, 'POST', { size });
    if (!(await fetch(url, { method: 'PUT', body: file.slice(0, size) })).ok) return;
    await hub(`/${row.dataset.upload}/head`, 'PUT');
    const place = row.querySelector('.early');
    if (place) htmx.ajax('GET', root.dataset.row.replace(/[^/]+\/row$/, `${row.dataset.upload}/header`), { target: place, swap: 'outerHTML' });
  }

  function fill(row) { // where the form says "from the file"; what somebody wrote or chose stays
    const told = row?.querySelector('[data-told]');
    for (const place of told ? row.querySelectorAll('[data-from-file]') : []) {
      const text = told.dataset[place.dataset.fromFile];
      if (!text) continue;
      if (place.tagName === 'OPTION') place.textContent = `${place.textContent.split(':')[0]}: ${text}`; else place.placeholder = text;
    }
  }

  async function add(file) {
    try {
      const print = await fingerprint(file);
      // NFC and no outer spaces, as the hub keeps names.
      const name = file.name.normalize('NFC').replace(/^ +| +$/g, '');
      const known = [...rows.querySelectorAll('[data-upload]')].find(row =>
        row.dataset.name === name && +row.dataset.size === file.size && row.querySelector('[data-state=waiting]') &&
        (!print || !row.dataset.fingerprint || row.dataset.fingerprint === print));
      if (known && sendings.has(known.dataset.upload)) {
        const sending = sendings.get(known.dataset.upload);
        sending.file = file;
        if (sending.paused) sending.resume();
        return;
      }
      const row = known || await begin(file, print);
      // A hint, for which the file itself waits three seconds at most: on a slow line its parts would hold it up.
      if (!known) await Promise.race([head(row, file), new Promise(good => setTimeout(good, 3000))]).catch(() => {});
      const sending = new Sending(row, file);
      sending.resume();
    } catch (error) { complain(`${file.name}: ${error.message}`); }
  }

  async function begin(file, print) {
    const { id } = await hub('', 'POST', { filename: file.name, size: file.size, fingerprint: print, fields: into });
    const answer = await fetch(root.dataset.row.replace(/[^/]+\/row$/, `${id}/row`));
    if (!answer.ok) throw new Error(t('reload'));
    const holder = document.createElement('template');
    holder.innerHTML = await answer.text();
    const row = holder.content.querySelector('[data-upload]');
    rows.prepend(row);
    htmx.process(row);
    return row;
  }

  async function choose(files) {
    problem.hidden = true; problem.replaceChildren();
    for (const file of files) await add(file);
  }

  chooser.addEventListener('change', () => { const files = [...chooser.files]; chooser.value = ''; choose(files); });
  for (const kind of ['dragover', 'drop']) addEventListener(kind, event => {
    if (![...event.dataTransfer.types].includes('Files')) return;
    event.preventDefault(); // anywhere on the page: a file that misses must not open in its place
    if (kind === 'drop') choose([...event.dataTransfer.files]);
    drop.classList.toggle('is-on', kind === 'dragover');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('is-on'));
  document.addEventListener('htmx:afterSettle', event => fill(event.target.closest?.('[data-upload]')));
  document.addEventListener('htmx:beforeRequest', event => {
    if (document.hidden && event.target.hasAttribute('data-poll')) event.preventDefault(); // nobody looks
    if (event.detail.requestConfig?.path.endsWith('/remove')) sendings.get(event.target.closest('[data-upload]')?.dataset.upload)?.stop();
  });
  // What came before this page: how far it is, until the same file is chosen again.
  for (const row of rows.querySelectorAll('[data-upload]')) {
    if (!row.querySelector('[data-state=waiting]')) continue;
    hub(`/${row.dataset.upload}`).then(({ uploaded, part_size, size }) => {
      if (sendings.has(row.dataset.upload)) return;
      const sent = uploaded.reduce((sum, n) => sum + Math.min(part_size, size - (n - 1) * part_size), 0); // the last is small
      row.querySelector('progress').value = sent;
      row.querySelector('[data-words]').textContent = t('paused-choose', { percent: Math.floor(100 * sent / size) });
    }).catch(() => {});
  }
})();

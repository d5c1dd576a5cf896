"use strict";
// Keeps the page up to date, draws its charts, and adds what needs a script: theme, copying, printing, a cursor. The
// page is complete without it, and everything shown comes from the server's own rendering.
(function () {
  const root = document.documentElement;
  const THEMES = ["auto", "light", "dark"];
  const stored = { get: () => { try { return localStorage.getItem("outgrow-theme"); } catch { return null; } },
                   set: (value) => { try { localStorage.setItem("outgrow-theme", value); } catch { /* not kept */ } } };

  function useTheme(name) {
    if (name === "light" || name === "dark") root.dataset.theme = name;
    else delete root.dataset.theme;
  }
  let theme = THEMES.includes(stored.get()) ? stored.get() : "auto";
  useTheme(theme); // before the body is there, so that nothing flashes

  // --- Writing amounts as the server does ---
  function short(value) {
    const size = Math.abs(value), digits = size < 10 ? 2 : size < 1000 ? 1 : 0;
    return value.toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: digits });
  }
  function amount(unit, value) {
    if (value === null || value === undefined) return "–";
    if (unit === "bytes") {
      for (const [name, size] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) if (value >= size) return `${short(value / size)} ${name}`;
      return `${value.toFixed(0)} B`;
    }
    if (unit === "users") return Math.round(value).toLocaleString("en-US");
    if (unit === "points") return value.toFixed(1).replace(/\.0$/, "");
    return unit === "%" || unit === "ms" ? `${short(value)} ${unit}` : `${short(value)}/s`;
  }
  function span(seconds) {
    if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    return seconds < 86400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const body = document.body;
    const announce = document.getElementById("announce");
    const connection = document.getElementById("connection");
    let state = body.dataset.state, last = body.dataset.event;
    let taken = Number(body.dataset.taken), lag = Date.now() / 1000 - taken;
    // Ages count from the arrival of the newest values, whatever this machine's clock says.
    if (lag < 0 || lag > 120) lag = 0;
    let arrived = Date.now() / 1000 - lag;

    const themeButton = document.getElementById("theme");
    const nameTheme = () => { themeButton.textContent = `Theme: ${theme}`; };
    themeButton.hidden = false;
    nameTheme();
    themeButton.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      stored.set(theme);
      useTheme(theme);
      nameTheme();
      redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());

    const printButton = document.getElementById("print");
    printButton.hidden = false;
    printButton.addEventListener("click", () => window.print());

    // --- Copying ---
    async function copy(button, text) {
      let done = true;
      try { await navigator.clipboard.writeText(text); } catch { done = false; }
      const label = button.textContent;
      button.textContent = done ? "Copied" : "Select the text instead";
      announce.textContent = button.textContent;
      setTimeout(() => { button.textContent = label; }, 1800);
    }
    function offerCopying(within) {
      for (const button of within.querySelectorAll("[data-copy], [data-copy-from]")) button.hidden = false;
    }
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-copy], [data-copy-from]");
      if (!button) return;
      const source = button.dataset.copyFrom ? document.getElementById(button.dataset.copyFrom) : button.previousElementSibling;
      copy(button, source.textContent);
    });
    document.getElementById("permalink").addEventListener("click", (event) => {
      event.currentTarget.href = event.currentTarget.href.replace(/until=\d+/, body.dataset.frozen ? "$&" : `until=${Math.floor(arrived)}`);
    });

    // Tables shown as blocks on narrow screens lose their roles in some browsers; said explicitly they keep them.
    function nameRoles(within) {
      for (const table of within.querySelectorAll("table.cards")) {
        table.setAttribute("role", "table");
        for (const part of table.querySelectorAll("thead, tbody")) part.setAttribute("role", "rowgroup");
        for (const row of table.querySelectorAll("tr")) row.setAttribute("role", "row");
        for (const head of table.querySelectorAll("th")) head.setAttribute("role", head.scope === "row" ? "rowheader" : "columnheader");
        for (const cell of table.querySelectorAll("td")) cell.setAttribute("role", "cell");
      }
    }

    // --- Keeping up to date ---
    function replace(region, html) {
      const inside = region.contains(document.activeElement) ? document.activeElement : null;
      const places = inside ? [...region.querySelectorAll("a, button, summary, [tabindex]")].indexOf(inside) : -1;
      const open = [...region.querySelectorAll("details[open]")].map((one) => one.id);
      region.innerHTML = html; // made by the server's templates, which escape every value
      for (const id of open) { const one = document.getElementById(id); if (one) one.open = true; }
      if (places >= 0) region.querySelectorAll("a, button, summary, [tabindex]")[places]?.focus({ preventScroll: true });
      offerCopying(region);
      nameRoles(region);
    }
    function apply(news) {
      for (const [name, html] of Object.entries(news.regions)) {
        const region = document.querySelector(`[data-region="${CSS.escape(name)}"]`);
        if (!region || region.dataset.html === html) continue;
        // A selection that somebody is making is not torn away.
        const selection = getSelection();
        if (selection && !selection.isCollapsed && region.contains(selection.anchorNode)) continue;
        region.dataset.html = "";
        replace(region, html);
      }
      document.title = news.title;
      if (news.state !== state) announce.textContent = news.sentence;
      const run = (id) => id.split("-")[0];
      if (run(news.id) !== run(last)) announce.textContent = `The monitor was restarted. ${news.sentence}`;
      state = news.state;
      last = news.id;
      if (news.taken_at > taken) { taken = news.taken_at; arrived = Date.now() / 1000; }
      connected();
      tick();
      refreshCharts();
    }
    function connected() {
      if (connection.hidden) return;
      connection.hidden = true;
      announce.textContent = "The connection to the monitor is back.";
    }
    function lost() {
      if (!connection.hidden) return;
      connection.textContent = "The monitor does not answer; it may be restarting. The values below are the last that came.";
      connection.hidden = false;
      announce.textContent = connection.textContent;
    }
    function tick() {
      for (const time of document.querySelectorAll("[data-age]")) time.textContent = `measured ${span(Date.now() / 1000 - arrived)} ago`;
    }
    const address = (path, more) => path + (path.includes("?") ? "&" : "?") + more;
    const PAUSE = Math.max(5, Number(body.dataset.interval)) * 1000;
    let polling = null;
    async function ask() {
      try {
        const answer = await fetch(body.dataset.live, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const news = await answer.json();
        if (news.id !== last) apply(news); else connected();
      } catch { lost(); }
    }
    function poll() { if (polling === null) { polling = setInterval(ask, PAUSE); ask(); } }
    function listen() {
      if (!("EventSource" in window)) { poll(); return; }
      const stream = new EventSource(address(body.dataset.live, `last=${encodeURIComponent(last)}`));
      stream.addEventListener("open", connected);
      stream.addEventListener("evaluation", (event) => apply(JSON.parse(event.data)));
      stream.addEventListener("error", () => {
        if (stream.readyState === EventSource.CLOSED) {
          // Refused (too many streams) or cut for good: ask instead, and try a stream again later.
          poll();
          setTimeout(() => { clearInterval(polling); polling = null; listen(); }, 60000);
        } else setTimeout(() => { if (stream.readyState === EventSource.CONNECTING) lost(); }, 1500);
      });
      addEventListener("pagehide", () => stream.close());
      addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    }

    // --- Charts ---
    const drawn = new Map();
    let asking = false, due = 0;
    const dashes = [[], [7, 4], [2, 4]];
    const levelDashes = { stay: [10, 4], urgent: [10, 3, 2, 3], band: [3, 3] };
    function colour(names) {
      const probe = document.createElement("span");
      probe.className = names;
      probe.hidden = true;
      body.append(probe);
      const found = getComputedStyle(probe).color;
      probe.remove();
      return found;
    }
    const utc = (at, long) => {
      const text = new Date(at * 1000).toISOString();
      if (long === "seconds") return text.slice(11, 19);
      return long ? text.slice(0, 16).replace("T", " ") : text.slice(11, 16);
    };
    function paint(figure, chart) {
      const plot = figure.querySelector("[data-plot]");
      const known = drawn.get(chart.id);
      const lines = chart.values.concat(chart.levels.map((level) => chart.times.map(() => level.value)));
      const data = [chart.times, ...lines];
      if (known && known.shape === chart.names.length + chart.levels.map((level) => level.label).join()) {
        known.chart = chart;
        known.view.setData(data, false);
        known.view.setScale("x", { min: chart.begin, max: chart.end });
        known.view.setScale("y", { min: 0, max: chart.top });
        known.follow();
        return;
      }
      const grid = colour("muted"), faint = getComputedStyle(figure).borderTopColor;
      const days = chart.end - chart.begin > 36 * 3600;
      const still = plot.querySelector(".still");
      if (!still) return;
      const wide = () => plot.clientWidth;
      const entry = known || { at: null };
      if (known) { known.view.destroy(); known.cursor.remove(); known.box.remove(); }
      const box = document.createElement("div");
      const options = {
        width: wide(), height: 200, padding: [8, 12, 0, 0], legend: { show: false }, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
        cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
        scales: { x: { time: true, range: () => [entry.chart.begin, entry.chart.end] }, y: { range: () => [0, entry.chart.top] } },
        axes: [
          { stroke: grid, grid: { show: false }, ticks: { stroke: faint }, font: "12px system-ui", space: 90,
            values: (_, at) => at.map((one) => days ? new Date(one * 1000).toLocaleDateString("en-GB", { day: "2-digit", month: "short", timeZone: "UTC" }) : utc(one, entry.chart.end - entry.chart.begin < 600 ? "seconds" : "")) },
          { stroke: grid, grid: { stroke: faint, width: 1 }, ticks: { show: false }, font: "12px system-ui", size: 74, space: 44,
            values: (_, values) => values.map((one) => amount(chart.unit, one)) },
        ],
        series: [{}].concat(
          chart.names.map((_, number) => ({ stroke: colour(`c${number + 1}`), width: 2, dash: dashes[number], points: { show: (view, series) => chart.values[series - 1]?.filter((one) => one !== null).length < 3 } })),
          chart.levels.map((level) => ({ stroke: colour(`level ${level.kind}`), width: 1.3, dash: levelDashes[level.kind], points: { show: false }, spanGaps: true }))),
        hooks: { setCursor: [(view) => { if (view.cursor.idx !== null && view.cursor.idx !== undefined && view.cursor.left >= 0) read(entry, view.cursor.idx, false); }] },
      };
      entry.chart = chart;
      entry.shape = chart.names.length + chart.levels.map((level) => level.label).join();
      const title = figure.querySelector("h3").textContent;
      still.hidden = true;
      box.setAttribute("role", "img");
      plot.append(box);
      entry.box = box;
      entry.view = new uPlot(options, data, box);
      // The cursor: a slider over the chart, moved by arrow keys, read out by screen readers.
      const cursor = document.createElement("div");
      cursor.className = "cursor";
      cursor.tabIndex = 0;
      cursor.setAttribute("role", "slider");
      cursor.setAttribute("aria-label", `${title}: cursor`);
      cursor.setAttribute("aria-valuemin", "0");
      const reading = document.createElement("div");
      reading.className = "reading";
      reading.hidden = true;
      cursor.append(reading);
      plot.append(cursor);
      entry.cursor = cursor;
      entry.reading = reading;
      entry.follow = () => {
        const count = entry.chart.times.length - 1;
        cursor.setAttribute("aria-valuemax", String(count));
        const place = entry.at === null ? count : Math.min(entry.at, count);
        cursor.setAttribute("aria-valuenow", String(place));
        cursor.setAttribute("aria-valuetext", words(entry.chart, place));
        box.setAttribute("aria-label", `${title}. ${figure.querySelector(".summary").textContent}`);
      };
      entry.follow();
      cursor.addEventListener("keydown", (event) => {
        const count = entry.chart.times.length - 1, now = entry.at === null ? count : entry.at;
        const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
        if (event.key === "Escape") { leave(entry); return; }
        if (!(event.key in steps)) return;
        event.preventDefault();
        read(entry, Math.min(count, Math.max(0, now + steps[event.key])), true);
      });
      cursor.addEventListener("focus", () => read(entry, entry.at === null ? entry.chart.times.length - 1 : entry.at, true));
      cursor.addEventListener("blur", () => leave(entry));
      plot.addEventListener("mouseleave", () => { if (document.activeElement !== cursor) leave(entry); });
      drawn.set(chart.id, entry);
    }
    function words(chart, place) {
      const fine = chart.end - chart.begin < 6 * 3600;
      const at = `${utc(chart.times[place], true)}${fine ? new Date(chart.times[place] * 1000).toISOString().slice(16, 19) : ""} UTC`;
      return `${at}: ${chart.names.map((name, line) => `${name} ${amount(chart.unit, chart.values[line][place])}`).join(", ")}`;
    }
    function read(entry, place, move) {
      entry.at = place;
      const text = words(entry.chart, place);
      entry.reading.textContent = text;
      entry.reading.hidden = false;
      entry.cursor.setAttribute("aria-valuenow", String(place));
      entry.cursor.setAttribute("aria-valuetext", text);
      if (move) entry.view.setCursor({ left: entry.view.valToPos(entry.chart.times[place], "x"), top: 10 }, false);
    }
    function leave(entry) {
      entry.at = null;
      entry.reading.hidden = true;
      entry.view.setCursor({ left: -10, top: -10 }, false);
    }
    async function refreshCharts(force) {
      if (asking || !("uPlot" in window) || (!force && (Date.now() < due || body.dataset.frozen))) return;
      asking = true;
      try {
        const answer = await fetch(body.dataset.charts);
        if (!answer.ok) throw new Error(String(answer.status));
        for (const chart of (await answer.json()).charts) {
          const figure = document.querySelector(`[data-chart="${CSS.escape(chart.id)}"]`);
          if (figure && chart.times.length) paint(figure, chart);
        }
        due = Date.now() + 10000;
      } catch { /* the drawing of the server stays */ } finally { asking = false; }
    }
    function redraw() {
      for (const entry of drawn.values()) entry.shape = "";
      for (const [id, entry] of drawn) paint(document.querySelector(`[data-chart="${CSS.escape(id)}"]`), entry.chart);
    }
    new ResizeObserver(() => {
      for (const entry of drawn.values()) entry.view.setSize({ width: entry.box.parentElement.clientWidth, height: 200 });
    }).observe(document.getElementById("main"));

    offerCopying(document);
    nameRoles(document);
    tick();
    setInterval(tick, 1000);
    refreshCharts(true);
    listen();
  });
})();

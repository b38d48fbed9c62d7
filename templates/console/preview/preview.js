"use strict";
(() => {
  const form = document.getElementById("choices");
  const stage = document.getElementById("stage");
  const paper = document.getElementById("paper");
  const trouble = document.getElementById("trouble");
  const live = document.getElementById("live");
  const looks = document.querySelector(".looks");
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const narrow = window.matchMedia("(max-width: 760px)");
  const PATIENCE_MS = 120;
  const NAMES = ["campaign", "step", "variant", "persona", "locale"];

  const recall = (key, otherwise) => {
    try { return localStorage.getItem(`rekindle.${key}`) ?? otherwise; } catch { return otherwise; }
  };
  const remember = (key, value) => {
    try { localStorage.setItem(`rekindle.${key}`, value); } catch { /* private window: for this page only */ }
  };
  const look = { width: recall("preview.width", "desktop"), scheme: recall("preview.scheme", "light") };
  const asked = new URLSearchParams(location.search);
  const known = tabs.map((tab) => tab.dataset.tab);
  let tab = known.includes(location.hash.slice(1)) ? location.hash.slice(1) : "html";
  let turn = 0;

  const chosen = () => {
    const found = new URLSearchParams();
    for (const name of NAMES) if (asked.get(name)) found.set(name, asked.get(name));
    return found;
  };
  const make = (name, text, kind) => {
    const node = document.createElement(name);
    if (text !== undefined) node.textContent = text;
    if (kind) node.className = kind;
    return node;
  };

  // ---- what to show -----------------------------------------------------------------------------------------------
  function fill(select, options, value) {
    const stamp = JSON.stringify(options);
    if (select.dataset.stamp !== stamp) {
      select.dataset.stamp = stamp;
      select.replaceChildren();
      const groups = new Map();
      for (const option of options) {
        const node = make("option", option.label);
        node.value = option.value;
        if (option.group && !groups.has(option.group)) {
          const group = make("optgroup");
          group.label = option.group;
          groups.set(option.group, group);
          select.append(group);
        }
        (groups.get(option.group) ?? select).append(node);
      }
    }
    select.value = value;
  }

  function draw(state) {
    const { options, chosen: now } = state;
    fill(form.campaign, options.campaigns, now.campaign);
    fill(form.step, options.steps, String(now.step));
    fill(form.variant, options.variants, now.variant);
    fill(form.persona, options.people, now.persona);
    fill(form.locale, options.locales, now.locale);
    form.variant.closest(".field").hidden = options.variants.length === 0;
    for (const name of NAMES) asked.set(name, now[name] ?? "");
    history.replaceState({}, "", `/preview?${chosen()}#${tab}`);
    document.getElementById("subject").textContent = state.subject || (state.problem ? "No mail" : "(no subject)");
    document.getElementById("preheader").textContent = state.preheader || (state.problem ? "" : "(no preheader)");
    document.title = `${state.subject || "Preview"} · Rekindle`;
    facts(state);
    foretell(state.problem ? null : state.verdict);
    complain(state.problem, options.broken);
  }

  function facts(state) {
    const size = (bytes) => (bytes === undefined ? "-" : `${(bytes / 1024).toFixed(1)} KB`);
    const rows = [["Template", state.template || "-"], ["To", state.to || "-"], ["HTML", size(state.sizes.html)],
      ["Text", size(state.sizes.text)], ["Subject", `${[...state.subject].length} characters`]];
    document.getElementById("facts").replaceChildren(...rows.map(([name, value]) => {
      const row = make("div");
      const said = make("dd", value);
      said.title = value;
      row.append(make("dt", name), said);
      return row;
    }));
  }

  function foretell(verdict) {
    const fate = document.getElementById("fate");
    fate.hidden = !verdict;
    if (verdict) fate.replaceChildren(make("b", verdict.headline), make("span", verdict.says), make("code", verdict.code));
  }

  function complain(problem, broken) {
    trouble.hidden = !problem && broken.length === 0;
    stage.classList.toggle("stale", Boolean(problem));
    if (trouble.hidden) return;
    trouble.replaceChildren();
    if (problem) {
      trouble.append(make("h2", problem.what));
      if (problem.where) trouble.append(make("p", problem.where, "place"));
      if (problem.fix) trouble.append(make("p", problem.fix));
      if (problem.excerpt?.length) {
        const list = make("ol", undefined, "excerpt");
        for (const line of problem.excerpt) {
          const row = make("li", undefined, line.wrong ? "wrong" : "");
          row.append(make("i", String(line.line)), make("code", line.text));
          list.append(row);
        }
        trouble.append(list);
      }
    }
    for (const line of broken) trouble.append(make("p", line, "place"));
  }

  // ---- the mail ---------------------------------------------------------------------------------------------------
  const frame = () => stage.querySelector("iframe:not(.coming)");

  function dress(node) {
    node.className = `mail${look.width === "phone" && !narrow.matches ? " phone" : ""}${look.scheme === "dark" ? " dark" : ""}`;
  }

  // The new mail is loaded behind the old one and takes its place, scrolled as far: nothing flickers at a save.
  // Slow pictures do not hold it up for longer than a blink.
  function loading(address) {
    for (const stale of stage.querySelectorAll(".coming")) stale.remove();
    const next = make("iframe");
    next.title = "The mail as its reader sees it";
    next.setAttribute("sandbox", stage.dataset.sandbox);
    next.referrerPolicy = "no-referrer";
    dress(next);
    next.classList.add("coming");
    const ready = new Promise((done) => {
      next.addEventListener("load", done, { once: true });
      const parsed = () => next.contentDocument?.readyState === "interactive" && next.contentDocument.URL !== "about:blank";
      const look = () => {
        if (!next.isConnected) done();
        else if (parsed()) setTimeout(done, PATIENCE_MS);
        else setTimeout(look, 15);
      };
      setTimeout(look, 15);
    });
    next.src = address;
    stage.append(next);
    return { address, next, ready };
  }

  async function show({ next, ready }) {
    await ready;
    if (!next.isConnected) return;
    const before = frame();
    const at = before?.contentDocument?.scrollingElement?.scrollTop ?? 0;
    const page = next.contentDocument?.scrollingElement;
    if (page) page.scrollTop = at;
    dress(next);
    before?.remove();
    if (page) page.scrollTop = at;
  }

  async function load({ saved = false } = {}) {
    const mine = ++turn;
    const address = () => `/preview/frame?${chosen()}&scheme=${look.scheme}`;
    let coming = loading(address());
    let state;
    try {
      const answer = await fetch(`/preview/state?${chosen()}`);
      if (!answer.ok) throw new Error(`${answer.status}`);
      state = await answer.json();
    } catch { return; }
    if (mine !== turn) return;
    draw(state);
    document.getElementById("alone").href = address();
    if (state.problem) {
      coming.next.remove();
      if (!frame()) stage.classList.remove("stale");
    } else {
      if (coming.address !== address()) coming = loading(address());
      await show(coming);
    }
    if (mine !== turn) return;
    if (tab !== "html") await part(mine);
    document.documentElement.dataset.version = String(state.version);
    if (saved) say(`Drawn anew at ${new Date().toLocaleTimeString()}`, "fresh");
  }

  async function part(mine = turn) {
    const asking = tab;
    paper.setAttribute("aria-labelledby", `tab-${asking}`);
    if (asking === "lint" && !paper.querySelector(".findings")) paper.replaceChildren(make("p", "Checking for every made-up shopper…", "nothing"));
    let html;
    try { html = await (await fetch(`/preview/part/${asking}?${chosen()}`)).text(); } catch { return; }
    if (mine !== turn || asking !== tab) return;
    const at = paper.dataset.part === asking ? paper.scrollTop : 0;
    paper.innerHTML = html;
    paper.dataset.part = asking;
    paper.scrollTop = at;
  }

  function turnTo(name) {
    tab = name;
    for (const each of tabs) {
      const here = each.dataset.tab === name;
      each.setAttribute("aria-selected", String(here));
      each.tabIndex = here ? 0 : -1;
      if (here) each.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    stage.hidden = name !== "html";
    paper.hidden = name === "html";
    looks.classList.toggle("off", name !== "html");
    history.replaceState({}, "", `/preview?${chosen()}#${name}`);
    if (name !== "html") {
      if (paper.dataset.part !== name) paper.replaceChildren();
      part();
    }
  }

  function press() {
    for (const button of looks.querySelectorAll("button")) {
      const [kind, value] = Object.entries(button.dataset)[0];
      button.setAttribute("aria-pressed", String(look[kind] === value));
    }
  }

  // ---- hands ------------------------------------------------------------------------------------------------------
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    asked.set(event.target.name, event.target.value);
    if (event.target.name === "campaign") for (const name of ["step", "variant"]) asked.set(name, "");
    load();
  });
  looks.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const [kind, value] = Object.entries(button.dataset)[0];
    look[kind] = value;
    remember(`preview.${kind}`, value);
    press();
    if (kind === "scheme") load();
    else if (frame()) dress(frame());
  });
  const tablist = document.querySelector(".tabs");
  tablist.addEventListener("click", (event) => {
    const link = event.target.closest("[role=tab]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    turnTo(link.dataset.tab);
  });
  tablist.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const by = event.key === "ArrowRight" ? 1 : tabs.length - 1;
    const next = tabs[(known.indexOf(tab) + by) % tabs.length];
    turnTo(next.dataset.tab);
    next.focus();
    event.preventDefault();
  });
  narrow.addEventListener("change", () => { if (frame()) dress(frame()); });

  // ---- saves ------------------------------------------------------------------------------------------------------
  function say(words, kind) {
    live.className = `live ${kind}`;
    live.querySelector("span").textContent = words;
  }
  const events = new EventSource("/preview/events");
  let first = true;
  events.addEventListener("hello", () => {
    say("Watching for saves", "");
    document.documentElement.dataset.watching = "yes";
    if (!first) load();
    first = false;
  });
  events.addEventListener("saved", () => load({ saved: true }));
  events.addEventListener("error", () => say("The preview has stopped", "lost"));

  press();
  turnTo(tab);
  load();
})();

"use strict";
(() => {
  const LOOK_AGAIN_MS = 5000;
  const list = document.getElementById("list");
  const pane = document.getElementById("pane");
  const search = document.getElementById("search");
  const campaign = document.getElementById("campaign");
  const narrow = window.matchMedia("(max-width: 760px)");

  const recall = (key, otherwise) => {
    try { return localStorage.getItem(`rekindle.${key}`) ?? otherwise; } catch { return otherwise; }
  };
  const remember = (key, value) => {
    try { localStorage.setItem(`rekindle.${key}`, value); } catch { /* private window: for this page only */ }
  };
  const look = { width: recall("width", "desktop"), scheme: recall("scheme", "light"), tab: "html" };

  const found = () => {
    const asked = new URLSearchParams();
    if (search.value.trim()) asked.set("q", search.value.trim());
    if (campaign.value) asked.set("campaign", campaign.value);
    return asked;
  };
  const letters = () => [...list.querySelectorAll(".letter")];
  const chosen = () => list.querySelector(".letter[aria-current]");

  async function piece(address) {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok && answer.status !== 404) throw new Error(`${answer.status}`);
    return answer.text();
  }

  // ---- the reading pane -------------------------------------------------------------------------------------------
  function dress() {
    const looks = pane.querySelector(".looks");
    if (!looks) return;
    looks.hidden = false;
    looks.classList.toggle("off", look.tab !== "html");
    for (const button of looks.querySelectorAll("button")) {
      const [kind, value] = Object.entries(button.dataset)[0];
      button.setAttribute("aria-pressed", String(look[kind] === value));
    }
    const mail = document.getElementById("mail");
    if (!mail) return;
    mail.classList.toggle("phone", look.width === "phone" && !narrow.matches);
    mail.classList.toggle("dark", look.scheme === "dark");
    const address = `${mail.dataset.frame}?scheme=${look.scheme}`;
    if (mail.getAttribute("src") !== address) mail.setAttribute("src", address);
    document.getElementById("alone").href = address;
  }

  function turnTo(tab) {
    look.tab = tab;
    for (const link of pane.querySelectorAll("[role=tab]")) {
      const here = link.dataset.tab === tab;
      link.setAttribute("aria-selected", String(here));
      link.tabIndex = here ? 0 : -1;
    }
    for (const part of pane.querySelectorAll(".part")) part.hidden = part.id !== `part-${tab}`;
    dress();
  }

  function mark(ref) {
    for (const letter of letters()) {
      if (letter.dataset.ref === ref) letter.setAttribute("aria-current", "true");
      else letter.removeAttribute("aria-current");
    }
  }

  let asked = 0;
  async function open(letter, { push = true, view = "reading" } = {}) {
    const mine = ++asked;
    mark(letter.dataset.ref);
    letter.scrollIntoView({ block: "nearest" });
    const address = letter.getAttribute("href");
    const path = new URL(address, location.href).pathname;
    let html;
    try { html = await piece(`${path}/pane?tab=${look.tab}`); } catch { location.href = address; return; }
    if (mine !== asked) return; // a later one was chosen meanwhile
    pane.innerHTML = html;
    turnTo(look.tab);
    show(view);
    if (push) history.pushState({}, "", address);
    const title = pane.querySelector("h1");
    if (title) document.title = `${title.textContent} · Inbox · Rekindle`;
  }

  function show(view) {
    document.body.classList.toggle("reading", view === "reading");
    document.body.classList.toggle("listing", view === "listing");
  }

  pane.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    const button = event.target.closest(".looks button");
    const back = event.target.closest(".back");
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (tab) {
      event.preventDefault();
      turnTo(tab.dataset.tab);
      const address = new URL(location.href);
      if (address.pathname !== "/inbox") {
        address.searchParams.set("tab", look.tab);
        history.replaceState({}, "", address);
      }
    } else if (button) {
      const [kind, value] = Object.entries(button.dataset)[0];
      look[kind] = value;
      remember(kind, value);
      dress();
    } else if (back) {
      event.preventDefault();
      leave();
    }
  });

  pane.addEventListener("keydown", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (!tab || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const tabs = [...pane.querySelectorAll("[role=tab]")];
    const step = event.key === "ArrowRight" ? 1 : tabs.length - 1;
    const next = tabs[(tabs.indexOf(tab) + step) % tabs.length];
    turnTo(next.dataset.tab);
    next.focus();
    event.preventDefault();
  });

  function leave() {
    show("listing");
    const rest = found().toString();
    history.pushState({}, "", rest ? `/inbox?${rest}` : "/inbox");
    document.title = "Inbox · Rekindle";
    chosen()?.focus({ preventScroll: false });
  }

  // ---- the list ---------------------------------------------------------------------------------------------------
  list.addEventListener("click", async (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    const letter = event.target.closest(".letter");
    const more = event.target.closest(".more");
    if (letter) {
      event.preventDefault();
      open(letter);
    } else if (more) {
      event.preventDefault();
      await append(more);
    }
  });

  async function append(more) {
    const address = new URL(more.href);
    const html = await piece(`/inbox/list${address.search}`);
    const before = letters().map((letter) => letter.dataset.ref); // mail that came meanwhile pushes old ones down
    const lastDay = letters().length ? [...list.querySelectorAll(".day")].pop()?.textContent : "";
    more.insertAdjacentHTML("beforebegin", html);
    const batch = more.previousElementSibling;
    more.remove();
    const known = new Set(before);
    for (const letter of batch.querySelectorAll(".letter")) if (known.has(letter.dataset.ref)) letter.remove();
    const first = batch.querySelector(".day");
    if (first && first.textContent === lastDay) first.remove();
  }

  const nearEnd = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { nearEnd.unobserve(entry.target); append(entry.target).then(watch).catch(() => {}); }
  }, { root: list, rootMargin: "600px" });
  function watch() {
    const more = list.querySelector(".more");
    if (more) nearEnd.observe(more);
  }

  async function refresh({ first = false } = {}) {
    const rest = found().toString();
    let html;
    try { html = await piece(`/inbox/list?${rest}`); } catch { return; }
    if (rest !== found().toString()) return; // typed on meanwhile
    const ref = chosen()?.dataset.ref ?? pane.querySelector("[data-frame]")?.dataset.frame.split("/").at(-2);
    list.innerHTML = html;
    watch();
    if (ref) mark(decodeURIComponent(ref));
    if (!first) return;
    list.scrollTop = 0;
    history.replaceState({}, "", rest ? `/inbox?${rest}` : "/inbox");
    if (!chosen() && letters().length && !narrow.matches) open(letters()[0], { push: false, view: "listing" });
  }

  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => refresh({ first: true }), 180);
  });
  campaign.addEventListener("change", () => refresh({ first: true }));
  search.form.addEventListener("submit", (event) => { event.preventDefault(); refresh({ first: true }); });

  // New mail comes in at the top; somebody who reads further down is left alone.
  setInterval(async () => {
    if (document.hidden || list.scrollTop > 40) return;
    const stamp = (batch) => batch && `${batch.dataset.first}/${batch.dataset.total}`;
    let html;
    const rest = found().toString();
    try { html = await piece(`/inbox/list?${rest}`); } catch { return; }
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector(".batch");
    if (rest !== found().toString() || stamp(fresh) === stamp(list.querySelector(".batch"))) return;
    const empty = letters().length === 0;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.ref : null;
    await refresh();
    if (focused) letters().find((letter) => letter.dataset.ref === focused)?.focus({ preventScroll: true });
    if (empty && letters().length && !narrow.matches) open(letters()[0], { push: false, view: "listing" });
  }, LOOK_AGAIN_MS);

  // ---- keys -------------------------------------------------------------------------------------------------------
  const UP = ["ArrowUp", "k"];
  const DOWN = ["ArrowDown", "j"];
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
    const typingIn = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typingIn) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape") {
      if (typingIn) event.target.blur();
      else if (narrow.matches && document.body.classList.contains("reading")) leave();
    } else if ((UP.includes(event.key) || DOWN.includes(event.key)) && !event.target.closest("select, .paper, pre")) {
      if (typingIn && !event.key.startsWith("Arrow")) return;
      event.preventDefault();
      step(DOWN.includes(event.key) ? 1 : -1);
    }
  });

  function step(by) {
    const all = letters();
    if (!all.length) return;
    const at = all.indexOf(chosen());
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    if (at === all.indexOf(next)) return;
    next.focus({ preventScroll: true });
    open(next, { view: document.body.classList.contains("reading") ? "reading" : "listing" });
  }

  window.addEventListener("popstate", () => {
    const path = location.pathname;
    const letter = letters().find((one) => new URL(one.href).pathname === path);
    if (path === "/inbox") show("listing");
    else if (letter) open(letter, { push: false });
    else location.reload();
  });
  narrow.addEventListener("change", dress);
  const start = pane.querySelector("[role=tab][aria-selected=true]");
  turnTo(start ? start.dataset.tab : "html");
  watch();
})();

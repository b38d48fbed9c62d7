"use strict";
// Runs before the page is painted, so that nobody sees it flash in the other colours.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try { return localStorage.getItem("rekindle.theme"); } catch { return null; }
  };
  const paint = () => { root.dataset.theme = kept() ?? (system.matches ? "dark" : "light"); };
  paint();
  system.addEventListener("change", paint);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const next = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("rekindle.theme", next); } catch { /* private window: for this page only */ }
      root.dataset.theme = next;
    });
  });
})();

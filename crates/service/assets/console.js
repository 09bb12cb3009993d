// What the pages gain from a script: numbers stay fresh, buttons copy, menus close.
// Live: the page asks for itself and takes over what has data-live or data-live-rows.
// Trap: nothing may change under a pointer, focus or selection; such a part waits for a later round.
"use strict";
(() => {
  const EVERY = 3000;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, what) => Object.assign(document.createElement(name), what);
  if (navigator.clipboard) document.documentElement.classList.add("can-copy");

  // Times are written in UTC; the hint has the reader's clock.
  const hintTimes = (within) => all("time[datetime]", within).forEach((time) => {
    time.title = new Date(time.dateTime).toLocaleString([], { dateStyle: "long", timeStyle: "long" });
  });
  hintTimes(document);

  const copy = (button) => navigator.clipboard.writeText(button.dataset.copy).then(() => {
    const label = button.textContent;
    button.classList.add("done");
    button.textContent = "Copied";
    setTimeout(() => { button.classList.remove("done"); button.textContent = label; }, 1600);
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-copy]:not(.done)");
    if (button) copy(button);
    for (const menu of all(".menu[open]")) if (!menu.contains(target)) menu.open = false;
  });
  document.addEventListener("keydown", ({ key, target }) => {
    const menu = key === "Escape" && target.closest(".menu[open]");
    if (menu) { menu.open = false; menu.firstElementChild.focus(); }
  });

  if (!document.querySelector("[data-live], [data-live-rows]")) return;

  // After a touch the last place touched counts as hovered for good.
  let touched = false;
  document.addEventListener("pointerover", ({ pointerType }) => { touched = pointerType === "touch"; });
  const busy = (part) => {
    const selection = getSelection();
    return part.contains(document.activeElement) || (!touched && part.matches(":hover")) ||
      (!selection.isCollapsed && selection.containsNode(part, true));
  };
  // What is opened or scrolled stays so.
  const replace = (old, next) => {
    const opened = all("details", old), scrolled = all("[tabindex]", next);
    all("details", next).forEach((twin, i) => { twin.open = opened[i]?.open ?? twin.open; });
    const places = all("[tabindex]", old).map((was) => [was.scrollLeft, was.scrollTop]);
    old.replaceWith(next);
    places.forEach((place, i) => scrolled[i]?.scrollTo(...place));
  };
  const announce = (table, next, count) => {
    let line = table.parentElement.querySelector(".live-news");
    if (!count) return line?.remove();
    if (!line) {
      line = make("p", { className: "live-news", role: "status" });
      line.append(make("button", { className: "button small" }));
      table.before(line);
    }
    line.firstChild.textContent = count + " new – show";
    line.firstChild.onclick = () => { line.remove(); replace(table, next); };
  };
  const takeRows = (table, next) => {
    const [old, fresh] = [table, next].map((of) => new Map(all("[data-row]", of).map((row) => [row.dataset.row, row])));
    if (!old.size) return busy(table) || replace(table, next);
    let count = 0;
    for (const [id, row] of fresh) {
      const known = old.get(id);
      if (!known) count++;
      else if (!known.isEqualNode(row) && !busy(known)) {
        const twin = document.importNode(row, true);
        known.replaceWith(twin);
        twin.dataset.fresh = "";
        setTimeout(() => { delete twin.dataset.fresh; }, 2400);
      }
    }
    // Newer rows may have pushed others off the page: those are not gone.
    if (!count) for (const [id, row] of old) if (!fresh.has(id)) row.dataset.gone = "";
    announce(table, next, count);
  };
  const take = (page) => {
    hintTimes(page);
    const pairs = (name) => all(`[${name}]`).map((part) =>
      [part, page.querySelector(`[${name}="${part.getAttribute(name)}"]`)]).filter(([, next]) => next);
    // A part around a table of rows changes only between the table and its empty state.
    const hasRows = (part) => part.querySelector("[data-live-rows]");
    for (const [part, next] of pairs("data-live"))
      if (!part.isEqualNode(next) && !busy(part) && !(hasRows(part) && hasRows(next))) replace(part, next);
    for (const [table, next] of pairs("data-live-rows")) takeRows(table, next);
  };

  let line, wait = EVERY, timer, asking, over, since = new Date();
  const say = (text, again, forGood) => {
    over = forGood;
    line?.remove();
    line = null;
    if (!text) return;
    line = make("p", { className: "live-say", role: "status" });
    line.append(text + " ", make("a", { href: location.href, textContent: again }));
    document.body.append(line);
  };
  const away = () => {
    wait = Math.min(wait * 1.5, 10 * EVERY);
    if (!line) say("Not connected since " + since.toLocaleTimeString() + ".", "Try now");
  };
  const answered = ({ status, response, responseURL }) => {
    if (status === 401 || new URL(responseURL).pathname !== location.pathname)
      return say("You are signed out.", "Sign in again", true);
    if (status === 403 || status === 404) return say("This page is gone.", "Load again", true);
    if (status !== 200 || !response) return away();
    wait = EVERY;
    since = new Date();
    say("");
    take(response);
  };
  const ask = () => {
    clearTimeout(timer);
    if (over || asking || document.hidden) return;
    asking = true;
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    request.timeout = 10000;
    request.setRequestHeader("Keymuster-Live", "1");
    request.onload = () => answered(request);
    request.onerror = request.ontimeout = away;
    request.onloadend = () => { asking = false; timer = setTimeout(ask, wait); };
    request.send();
  };
  document.addEventListener("visibilitychange", ask);
  timer = setTimeout(ask, EVERY);
})();

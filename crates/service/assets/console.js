// The console works without this script. With it numbers stay fresh, buttons copy and menus close.
// Live: the page asks for itself and takes over what carries data-live or data-live-rows.
// Trap: nothing may change under somebody's pointer, focus or selection; such a part waits for a later round.
"use strict";
(() => {
  const EVERY = 3000, SLOWEST = 30000, PATIENCE = 10000;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, className, role) => {
    const made = document.createElement(name);
    made.className = className;
    if (role) made.setAttribute("role", role);
    return made;
  };
  if (navigator.clipboard) document.documentElement.classList.add("can-copy");

  // The server writes times in UTC; the hint has the reader's own clock.
  const hintTimes = (within) => all("time[datetime]", within).forEach((time) => {
    const moment = new Date(time.dateTime);
    if (!isNaN(moment)) time.title = moment.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  });
  hintTimes(document);

  const copy = (button) => {
    const label = button.textContent;
    const done = () => {
      button.classList.add("done");
      button.textContent = "Copied";
      setTimeout(() => { button.classList.remove("done"); button.textContent = label; }, 1600);
    };
    navigator.clipboard.writeText(button.dataset.copy).then(done);
  };
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

  const hovers = matchMedia("(hover: hover)");
  const busy = (part) => {
    const selection = getSelection();
    return part.contains(document.activeElement) || (hovers.matches && part.matches(":hover")) ||
      (!selection.isCollapsed && selection.containsNode(part, true));
  };
  // What the reader opened or scrolled in a part stays so in its successor.
  const replace = (old, next) => {
    const opened = all("details", next), scrolled = all("[tabindex]", next);
    all("details", old).forEach((was, i) => { if (opened[i]) opened[i].open = was.open; });
    const places = all("[tabindex]", old).map((was) => [was.scrollLeft, was.scrollTop]);
    old.replaceWith(next);
    places.forEach((place, i) => scrolled[i]?.scrollTo(...place));
  };
  const announce = (table, next, count) => {
    let line = table.parentElement.querySelector(".live-news");
    if (!count) return line?.remove();
    if (!line) {
      line = make("p", "live-news", "status");
      line.append(make("button", "button small"));
      table.before(line);
    }
    const text = count + " new – show";
    if (line.textContent !== text) line.firstChild.textContent = text;
    line.firstChild.onclick = () => { line.remove(); replace(table, next); };
  };
  const takeRows = (table, next) => {
    const rows = (of) => new Map(all("tr[data-row]", of).map((row) => [row.dataset.row, row]));
    const old = rows(table), fresh = rows(next);
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
    // A row that newer ones pushed off the page is not gone.
    if (!count) for (const [id, row] of old) if (!fresh.has(id)) row.dataset.gone = "";
    announce(table, next, count);
  };
  const take = (page) => {
    hintTimes(page);
    for (const [name, accept] of [["data-live", replace], ["data-live-rows", takeRows]]) {
      for (const part of all(`[${name}]`)) {
        const next = page.querySelector(`[${name}="${CSS.escape(part.getAttribute(name))}"]`);
        if (next && !part.isEqualNode(next) && (accept === takeRows || !busy(part))) accept(part, next);
      }
    }
  };

  let line, wait = EVERY, timer, asking, over, since = new Date();
  const say = (text, again) => {
    line?.remove();
    line = null;
    if (!text) return;
    line = make("p", "live-say", "status");
    line.append(text + " ");
    if (again) {
      const link = make("a", "");
      link.href = location.href;
      link.append(again);
      line.append(link);
    }
    document.body.append(line);
  };
  const end = (...words) => { over = true; say(...words); };
  const away = () => {
    wait = Math.min(wait * 1.5, SLOWEST);
    if (!line) say("Not connected. What you see is from " + since.toLocaleTimeString() + ".");
  };
  const answered = ({ status, response, responseURL }) => {
    if (status === 401 || (responseURL && new URL(responseURL).pathname !== location.pathname))
      return end("You are signed out, and this page stands still.", "Sign in again");
    if (status === 403 || status === 404) return end("This page is not there for you any more.", "Load it again");
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
    request.timeout = PATIENCE;
    request.setRequestHeader("Keymuster-Live", "1");
    request.onload = () => answered(request);
    request.onerror = request.ontimeout = away;
    request.onloadend = () => { asking = false; timer = setTimeout(ask, wait); };
    request.send();
  };
  document.addEventListener("visibilitychange", ask);
  timer = setTimeout(ask, EVERY);
})();

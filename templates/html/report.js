"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const states = page.states.map(([name]) => name);
  const titles = page.states.map(([, title]) => title);
  const PASSES = states.indexOf("passes");
  const AT_ONCE = 100;
  const rows = document.getElementById("rows");
  const more = document.getElementById("more");
  const shown = document.getElementById("shown");
  const search = document.getElementById("search");
  const familyBox = document.getElementById("family");
  const entryBox = document.getElementById("entry");
  const chosen = new Set();
  const CHANGES = { new: ["broke", "appeared", "moved"], fixed: ["fixed"], lost: ["lost"] };
  const turned = new Set();

  // Everything is set as text: nothing of the report can become markup.
  const make = (tag, text, className) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const link = (text, url) => {
    if (!url) return make("span", text);
    const anchor = make("a", text);
    anchor.href = url;
    anchor.rel = "noreferrer";
    return anchor;
  };

  const homes = page.homes.map(([name, url], number) => ({ name, url, number, results: [], words: null }));
  // Five numbers a result: subject, entry, state, detail, change.
  for (let at = 0; at < page.results.length; at += 5) {
    const result = page.results.slice(at, at + 5);
    homes[page.subjects[result[0]][3]].results.push(result);
  }
  for (const home of homes) {
    home.results.sort((a, b) => a[2] - b[2]);
    home.tally = tally(home.results);
  }
  const worse = (a, b) => {
    for (let state = 0; state < PASSES - 1; state++) {
      if (a.tally[state] !== b.tally[state]) return b.tally[state] - a.tally[state];
    }
    return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  };
  homes.sort(worse);

  function tally(results) {
    const counts = new Array(states.length).fill(0);
    for (const result of results) counts[result[2]]++;
    return counts;
  }

  const words = (result) => {
    const [key, rule] = page.entries[result[1]];
    const detail = result[3] < 0 ? "" : JSON.stringify(page.details[result[3]]);
    return `${page.subjects[result[0]][0]} ${key} ${rule} ${detail}`.toLowerCase();
  };

  const asked = () => ({
    text: search.value.trim().toLowerCase(),
    family: familyBox.value,
    entry: entryBox.value,
    states: new Set([...chosen].map((name) => states.indexOf(name))),
    changes: new Set([...turned].flatMap((name) => CHANGES[name].map((change) => page.changes.indexOf(change)))),
  });
  const narrows = (question) => Boolean(
    question.text || question.family || question.entry || question.states.size || question.changes.size
  );

  const matching = (home, question) => {
    if (!narrows(question)) return home.results;
    const whole = question.text && home.name.toLowerCase().includes(question.text);
    if (question.text && !whole && home.words === null) home.words = home.results.map(words);
    return home.results.filter((result, at) => {
      const entry = page.entries[result[1]];
      if (question.states.size && !question.states.has(result[2])) return false;
      if (question.changes.size && !question.changes.has(result[4])) return false;
      if (question.family && entry[2] !== question.family) return false;
      if (question.entry && entry[0] !== question.entry) return false;
      return !question.text || whole || home.words[at].includes(question.text);
    });
  };

  let found = [];
  let drawn = 0;

  function look() {
    const question = asked();
    const narrow = narrows(question);
    found = [];
    for (const home of homes) {
      const results = matching(home, question);
      if (results.length || !narrow) found.push({ home, results, tally: narrow ? tally(results) : home.tally });
    }
    rows.replaceChildren();
    drawn = 0;
    draw(AT_ONCE);
    shown.textContent = `${found.length} of ${homes.length}`;
  }

  function draw(amount) {
    const until = Math.min(found.length, drawn + amount);
    const fragment = document.createDocumentFragment();
    for (; drawn < until; drawn++) fragment.append(row(found[drawn]));
    rows.append(fragment);
    more.hidden = drawn >= found.length;
    more.textContent = `Show more (${found.length - drawn})`;
  }

  function row(one) {
    const line = make("tr");
    const head = make("th");
    head.scope = "row";
    const name = make("button", one.home.name, "name");
    name.type = "button";
    name.setAttribute("aria-expanded", "false");
    name.addEventListener("click", () => toggle(line, name, one));
    head.append(name);
    line.append(head);
    for (let state = 0; state <= PASSES; state++) {
      const amount = one.tally[state];
      line.append(make("td", amount ? String(amount) : "", state < 2 && amount ? "number bad" : "number"));
    }
    return line;
  }

  function toggle(line, name, one) {
    const open = name.getAttribute("aria-expanded") === "true";
    name.setAttribute("aria-expanded", String(!open));
    if (open) {
      line.nextSibling.remove();
      return;
    }
    const opened = make("tr", undefined, "opened");
    const cell = make("td");
    cell.colSpan = PASSES + 2;
    if (one.home.url) {
      const page = make("p");
      page.append(link(one.home.url, one.home.url));
      cell.append(page);
    }
    const plain = one.results.filter((result) => result[2] >= PASSES && result[3] < 0 && result[4] < 0);
    for (const result of one.results) if (!plain.includes(result)) cell.append(told(result));
    if (plain.length) {
      const names = plain.map((result) => `${page.entries[result[1]][0]} (${titles[result[2]].toLowerCase()})`);
      cell.append(make("p", [...new Set(names)].join(", "), "fine"));
    }
    opened.append(cell);
    line.after(opened);
  }

  function told(result) {
    const [key, , , severity, title] = page.entries[result[1]];
    const [subject, , url] = page.subjects[result[0]];
    const detail = result[3] < 0 ? {} : page.details[result[3]];
    const block = make("div", undefined, `result ${states[result[2]]}`);
    const head = make("h3", `${key} `);
    head.append(make("span", titles[result[2]], "word"), " ", make("span", severity, "word"));
    if (result[4] >= 0) head.append(" ", make("span", page.changes[result[4]], "word"));
    block.append(head);
    const about = make("p", `${title} `, "fine");
    about.append(link(subject, url));
    block.append(about);
    for (const finding of detail.findings || []) {
      block.append(make("p", finding.place ? `${finding.place}: ${finding.message}` : finding.message));
      if (finding.fix) block.append(make("p", finding.fix, "fix"));
      if (finding.evidence.length) block.append(evidence(finding.evidence));
    }
    for (const [kind, reason] of detail.unknown || []) block.append(make("p", `${kind}: ${reason}`));
    if (detail.reason) block.append(make("p", detail.reason));
    if (detail.evidence) block.append(evidence(detail.evidence));
    if (detail.members) {
      const list = make("ul");
      for (const [name, outcome, said] of detail.members) list.append(make("li", `${name}: ${outcome.replace("_", " ")}${said ? `: ${said}` : ""}`));
      block.append(list);
    }
    if (detail.waiver) block.append(make("p", `Waived: ${detail.waiver}`));
    if (detail.known) block.append(make("p", "It was there before, by the baseline."));
    return block;
  }

  function evidence(items) {
    const list = make("ul");
    for (const [what, value, url, ok] of items) {
      const sign = ok === true ? "✔ " : ok === false ? "✖ " : "";
      const item = make("li", `${sign}${what}: `);
      item.append(link(value, url));
      list.append(item);
    }
    return list;
  }

  const option = (box, value) => {
    const made = make("option", value);
    made.value = value;
    box.append(made);
  };
  [...new Set(page.entries.map((entry) => entry[2]))].sort().forEach((name) => option(familyBox, name));
  [...new Set(page.entries.map((entry) => entry[0]))].sort().forEach((name) => option(entryBox, name));

  const tiles = [...document.querySelectorAll("#tiles button, #changes button")];
  const press = (tile, on) => {
    tile.setAttribute("aria-pressed", String(on));
    const [names, name] = tile.dataset.state ? [chosen, tile.dataset.state] : [turned, tile.dataset.change];
    if (on) names.add(name);
    else names.delete(name);
  };
  for (const tile of tiles) {
    tile.addEventListener("click", () => {
      press(tile, tile.getAttribute("aria-pressed") !== "true");
      look();
    });
  }
  const clear = () => {
    for (const tile of tiles) press(tile, false);
    search.value = "";
    familyBox.value = "";
    entryBox.value = "";
    look();
  };
  let soon = 0;
  search.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(look, 80);
  });
  familyBox.addEventListener("change", look);
  entryBox.addEventListener("change", look);
  const form = document.getElementById("filter");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    clear();
  });
  more.addEventListener("click", () => draw(AT_ONCE));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      clear();
      if (document.activeElement === search) search.blur();
      return;
    }
    if (["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement.tagName)) return;
    if (event.key === "/") {
      event.preventDefault();
      search.focus();
    } else if (event.key === "j" || event.key === "k") {
      const names = [...rows.querySelectorAll("button.name")];
      const at = names.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
      if (event.key === "j" && at >= names.length && !more.hidden) draw(AT_ONCE);
      (rows.querySelectorAll("button.name")[Math.max(at, 0)] || names[names.length - 1])?.focus();
    }
  });
  window.addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
    draw(2000);
  });

  look();
})();

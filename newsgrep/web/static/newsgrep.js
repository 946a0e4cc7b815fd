// Conveniences of newsgrep serve. Every page works without this file.
"use strict";

(() => {
  const form = document.getElementById("query");
  const box = document.getElementById("q");

  // Addresses without empty parameters, so that they can be read and shared.
  const submit = (extra) => {
    const params = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value !== "" || name.endsWith("_is")) params.append(name, value);
    }
    for (const [name, value] of Object.entries(extra || {})) params.set(name, value);
    const query = params.toString();
    location.assign(form.getAttribute("action") + (query ? "?" + query : ""));
  };

  if (form) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit();
    });
    for (const each of form.elements) {
      if (each.tagName === "SELECT" || (each.type === "checkbox" && !each.closest(".choose"))) {
        each.addEventListener("change", () => submit());
      }
    }
    for (const each of document.querySelectorAll(".apply")) each.hidden = true;
  }

  // The facets are folded on a phone, where they come before the hits.
  const narrow = document.querySelector(".facets > details");
  if (narrow && matchMedia("(max-width: 52rem)").matches) narrow.open = false;

  // Keys

  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]");
  const hits = [...document.querySelectorAll(".hit h2 a")];
  const marks = [...document.querySelectorAll("mark[id]")];
  let current = -1;

  const step = (by) => {
    if (!marks.length) return;
    if (marks[current]) marks[current].classList.remove("current");
    current = (current + by + marks.length) % marks.length;
    if (current < 0) current = 0;
    marks[current].classList.add("current");
    marks[current].focus({ preventScroll: true });
    marks[current].scrollIntoView({ block: "center" });
    const counter = document.querySelector(".matches .step");
    if (counter) {
      const text = counter.dataset.counter;
      counter.textContent = text.replace("{at}", current + 1).replace("{total}", marks.length);
    }
  };

  const move = (by) => {
    if (!hits.length) return;
    const at = hits.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : hits.length - 1) : at + by;
    if (hits[next]) hits[next].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const actions = {
      "/": () => box && (box.focus(), box.select()),
      n: () => step(1),
      p: () => step(-1),
      j: () => move(1),
      k: () => move(-1),
    };
    if (event.key in actions) {
      event.preventDefault();
      actions[event.key]();
    }
  });

  for (const each of document.querySelectorAll("[data-step]")) {
    each.addEventListener("click", (event) => {
      event.preventDefault();
      step(Number(each.dataset.step));
    });
  }
  for (const each of document.querySelectorAll(".steps")) each.hidden = false;

  // Citations

  for (const button of document.querySelectorAll(".copy")) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      const text = button.textContent;
      button.textContent = button.dataset.done;
      setTimeout(() => (button.textContent = text), 1500);
    });
  }

  // A range of a chart, by dragging

  for (const figure of document.querySelectorAll("[data-brush]")) {
    const svg = figure.querySelector("svg");
    const bars = [...svg.querySelectorAll("a")];
    if (!bars.length) continue;
    let from = -1;
    let to = -1;
    const barAt = (event) => {
      const area = svg.getBoundingClientRect();
      const place = Math.floor(((event.clientX - area.left) / area.width) * svg.dataset.slots);
      return Math.min(Math.max(place, 0), bars.length - 1);
    };
    const show = () => {
      const [first, last] = [Math.min(from, to), Math.max(from, to)];
      bars.forEach((bar, at) => bar.classList.toggle("brushed", at >= first && at <= last));
    };
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = to = barAt(event);
    });
    svg.addEventListener("pointermove", (event) => {
      if (from < 0) return;
      to = barAt(event);
      if (to !== from && !svg.hasPointerCapture(event.pointerId)) {
        svg.setPointerCapture(event.pointerId);
      }
      show();
    });
    svg.addEventListener("pointerup", () => {
      const [first, last] = [Math.min(from, to), Math.max(from, to)];
      const dragged = from >= 0 && from !== to;
      from = -1;
      if (!dragged) return;
      const address = new URL(figure.dataset.brush, location.href);
      address.searchParams.set("since", bars[first].dataset.first);
      address.searchParams.set("until", bars[last].dataset.last);
      location.assign(address);
    });
    svg.addEventListener("pointercancel", () => {
      from = to = -1;
      show();
    });
  }

  // Completion of fields, sources and saved queries

  if (!box) return;
  const list = document.createElement("ul");
  list.className = "completions";
  list.id = "completions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", box.labels[0].textContent);
  list.hidden = true;
  box.after(list);
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", "completions");
  box.setAttribute("aria-expanded", "false");
  let selected = -1;
  let asked = 0;
  let timer = 0;

  const close = () => {
    list.hidden = true;
    list.replaceChildren();
    selected = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };

  const wordAt = () => {
    const before = box.value.slice(0, box.selectionStart);
    const found = /(?:[A-Za-z]+[:：](?:["“][^"”]*|[^\s()（）]*)|[A-Za-z]+)$/.exec(before);
    const isWhole = found && (found.index === 0 || /[\s(（-]/.test(before[found.index - 1]));
    return isWhole ? { text: found[0].replace("：", ":"), start: found.index } : null;
  };

  const choose = (text) => {
    const word = wordAt();
    if (!word) return;
    const end = box.selectionStart;
    const space = text.endsWith(":") ? "" : " ";
    box.value = box.value.slice(0, word.start) + text + space + box.value.slice(end);
    const cursor = word.start + text.length + space.length;
    box.setSelectionRange(cursor, cursor);
    close();
    box.focus();
    if (!space) complete();
  };

  const select = (at) => {
    const items = [...list.children];
    selected = (at + items.length) % items.length;
    items.forEach((item, n) => item.setAttribute("aria-selected", String(n === selected)));
    box.setAttribute("aria-activedescendant", items[selected].id);
    items[selected].scrollIntoView({ block: "nearest" });
  };

  const complete = async () => {
    const word = wordAt();
    if (!word || word.text.length < 2) return close();
    const number = ++asked;
    let found = [];
    try {
      const response = await fetch("/api/v1/complete?" + new URLSearchParams({ word: word.text }));
      if (response.ok) found = (await response.json()).completions;
    } catch {
      return close();
    }
    if (number !== asked || document.activeElement !== box) return;
    if (!found.length || (found.length === 1 && found[0].text === word.text)) return close();
    list.replaceChildren(
      ...found.map((each, n) => {
        const item = document.createElement("li");
        item.id = `completion-${n}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const text = document.createElement("span");
        text.textContent = each.text;
        const about = document.createElement("span");
        about.className = "about";
        about.textContent = each.about;
        item.append(text, about);
        item.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          choose(each.text);
        });
        return item;
      }),
    );
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
  };

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(complete, 120);
  });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    const items = list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      select(event.key === "ArrowDown" ? selected + 1 : selected < 0 ? items - 1 : selected - 1);
    } else if (event.key === "Escape") {
      close();
    } else if ((event.key === "Enter" || event.key === "Tab") && selected >= 0) {
      event.preventDefault();
      choose(list.children[selected].firstChild.textContent);
    }
  });
})();

"use strict";
// A heading sorts its table: first ascending, then descending. What has no number stands last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  // words by letter, the numbers in them by size: dropout=0.25 comes before dropout=0.5
  const padded = (text) => text.replace(/\d+(\.\d+)?(e[-+]?\d+)?/g, (number) => Number(number).toFixed(12).padStart(30, "0"));
  const key = (row, place) => {
    const cell = row.cells[place];
    const given = place === 0 ? cell.textContent.trim() : cell.dataset.sort ?? "";
    if (given === "") return null;
    return isNaN(given) ? padded(given) : Number(given);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en"));
  headings.forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const turn = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
      const keyed = [...body.rows].map((row) => [key(row, place), row]);
      keyed.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : turn * compare(a, b)));
      body.append(...keyed.map(([, row]) => row));
    });
  });
}
// On a phone a figure is small: a button makes it as large as it was drawn.
for (const figure of document.querySelectorAll("figure")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "enlarge";
  button.textContent = "Enlarge";
  button.addEventListener("click", () => {
    button.textContent = figure.classList.toggle("large") ? "Fit" : "Enlarge";
  });
  figure.querySelector("figcaption").before(button);
}
// Paper cannot be opened: it shows all.
const closed = () => document.querySelectorAll("details:not([open])");
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...closed()];
  opened.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));

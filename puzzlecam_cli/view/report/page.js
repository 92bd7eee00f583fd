
"use strict";
(() => {
  const find = id => document.getElementById(id), controls = find("controls");
  if (!controls) return;
  document.documentElement.classList.add("js");
  const groups = [...document.querySelectorAll(".group")].map(group => [group, [...group.querySelectorAll(".photo")]]);
  const blend = find("blend"), more = find("more"), first = 6;
  const wanted = {classes: find("by-class"), part: find("by-part"), rank: find("by-rank")};
  let all = false;
  const show = () => {
    const choices = Object.entries(wanted).filter(([, choice]) => choice && choice.value);
    let shown = 0, fitting = 0, total = 0;
    for (const [group, rows] of groups) {
      const fits = rows.filter(row => choices.every(([key, choice]) => row.dataset[key].split(" ").includes(choice.value)));
      const kept = new Set(all || choices.length ? fits : fits.slice(0, first));
      for (const row of rows) row.hidden = !kept.has(row);
      group.hidden = !kept.size;
      shown += kept.size; fitting += fits.length; total += rows.length;
    }
    find("none").hidden = shown > 0;
    more.hidden = shown === fitting;
    find("count").textContent = `${shown} of ${total} photos`;
  };
  const mix = () => {
    document.documentElement.style.setProperty("--blend", blend.value / 100);
    find("blend-said").textContent = `${blend.value} %`;
  };
  controls.addEventListener("submit", event => event.preventDefault());
  controls.addEventListener("change", show);
  more.addEventListener("click", () => { all = true; show(); });
  blend.addEventListener("input", mix);
  mix();
  show();
})();

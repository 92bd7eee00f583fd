
"use strict";
(() => {
  const find = id => document.getElementById(id), controls = find("controls");
  if (!controls) return;
  document.documentElement.classList.add("js");
  const rows = [...find("rows").children], blend = find("blend");
  const wanted = {classes: find("by-class"), part: find("by-part"), rank: find("by-rank")};
  const show = () => {
    let shown = 0;
    for (const row of rows) {
      const fits = Object.entries(wanted).every(([key, choice]) =>
        !choice || !choice.value || row.dataset[key].split(" ").includes(choice.value));
      row.hidden = !fits;
      shown += fits;
    }
    find("none").hidden = shown > 0;
    find("count").textContent = `${shown} of ${rows.length} photos`;
  };
  const mix = () => {
    document.documentElement.style.setProperty("--blend", blend.value / 100);
    find("blend-said").textContent = `${blend.value} %`;
  };
  controls.addEventListener("submit", event => event.preventDefault());
  controls.addEventListener("change", show);
  blend.addEventListener("input", mix);
  mix();
  show();
})();

(() => {
  const {sides, axes, costs} = JSON.parse(document.getElementById("data").textContent);
  const $ = id => document.getElementById(id), plot = $("plot"), single = sides.length === 1, AXES = ["x", "y"];
  const MOST_CHOICES = 24, FEW = 8, SYMBOLS = ["star", "diamond", "cross", "triangle-up", "hexagon", "x"];

  // Plotly reads a little HTML in every text.
  const plain = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const short = text => plain(text.length > 40 ? text.slice(0, 39) + "\u2026" : text);
  const number = v => v == null ? "\u2013" : typeof v !== "number" ? plain(v) : v !== 0 && Math.abs(v) < 1e-4 ? v.toPrecision(3)
    : v.toLocaleString("en", {maximumSignificantDigits: 6});
  const rough = v => number(v == null ? v : +v.toPrecision(2));
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const isScore = key => key.startsWith("score");
  const value = (trial, key) => isScore(key) ? trial[key] ?? null : (trial.costs ?? {})[key] ?? null;
  const sign = (side, key) => isScore(key) && side.better === "higher" ? -1 : 1;  // times a value: less is better

  function told(side, trial) {
    const loss = trial.loss && trial.loss.mean != null ? [`loss ${rough(trial.loss.mean)} \u00b1 ${rough(trial.loss.error)}`] : [];
    const chosen = side.knobs.slice(0, MOST_CHOICES).map(k => `${short(k)} ${number(trial.params[k])}`), rows = [];
    for (let i = 0; i < chosen.length; i += 3) rows.push(chosen.slice(i, i + 3).join(", "));
    if (side.knobs.length > MOST_CHOICES) rows.push(`and ${side.knobs.length - MOST_CHOICES} more`);
    const head = `<b>${single ? "" : short(side.name) + ", "}trial ${trial.number}</b>`;
    const scores = `${short(side.merit)} ${number(trial.score)}, test ${number(trial.score_test)}`;
    return [head, scores, ...loss, ...costs.map(c => `${short(axes[c])}: ${number(trial.costs[c])}`), ...rows].join("<br>");
  }

  // What of the front no other point of it beats in these two figures, as a staircase.
  function stairs(side, front, x, y) {
    const [sx, sy] = [sign(side, x), sign(side, y)], left = [];
    const seen = front.map(t => [value(t, x), value(t, y)]).filter(p => p[0] != null && p[1] != null);
    seen.sort((a, b) => sx * (a[0] - b[0]) || sy * (a[1] - b[1]));
    for (const p of seen) if (!left.length || sy * p[1] < sy * left.at(-1)[1]) left.push(p);
    left.sort((a, b) => a[0] - b[0]);
    return {x: left.map(p => p[0]), y: left.map(p => p[1]), name: "line", mode: "lines", type: "scatter", hoverinfo: "skip", showlegend: false, line: {shape: sx > 0 ? "hv" : "vh", width: 2}};
  }

  function traces(x, y) {
    const found = [], marks = new Map();
    const dots = (name, of, tell, marker, meta) => {
      const seen = of.filter(t => value(t, x) != null && value(t, y) != null);
      if (seen.length) found.push({x: seen.map(t => value(t, x)), y: seen.map(t => value(t, y)), hovertext: seen.map(tell), hoverinfo: "text", mode: "markers", type: "scatter", name, marker, meta});
    };
    sides.forEach((side, i) => {
      const of = single ? "" : short(side.name) + ": ", colour = css(`--class${i}`), rest = single ? css("--rest") : colour, open = single ? "" : "-open";
      const on = new Set(side.front), line = {color: css("--paper"), width: 1.5}, front = side.trials.filter(t => on.has(t.number));
      const add = (name, best, uniform, marker) => dots(of + name, side.trials.filter(t => on.has(t.number) === best && (t.origin === "uniform") === uniform), t => told(side, t), marker, "trial");
      add("trials", false, false, {color: rest, size: 7, opacity: .75, symbol: "circle" + open});
      add("uniform bits", false, true, {color: rest, size: 8, opacity: .75, symbol: "square" + open});
      const staircase = stairs(side, front, x, y);
      staircase.line.color = colour;
      found.push(staircase);
      add("front", true, false, {color: colour, size: 11, symbol: "circle", line});
      add("front, uniform bits", true, true, {color: colour, size: 11, symbol: "square", line});
      for (const mark of side.marks) marks.set(JSON.stringify(mark), {...mark, score_test: mark.score});
    });
    [...marks.values()].forEach((mark, k) => {
      const tell = m => [`<b>${plain(m.name)}</b>`, ...[x, y].map(key => `${short(axes[key])}: ${number(value(m, key))}`)].join("<br>");
      dots(short(mark.name), [mark], tell, {color: css(`--class${2 + k % 8}`), size: 13, symbol: SYMBOLS[k % SYMBOLS.length]}, "mark");
    });
    return found;
  }

  // The worst score that is drawn where a few bad trials would press all others against the edge.
  function worstDrawn(key) {
    if (!isScore(key)) return null;
    const by = sign(sides[0], key), all = sides.flatMap(s => s.trials.map(t => value(t, key))).filter(v => v != null).sort((a, b) => by * (a - b));
    const middle = all[Math.ceil(all.length / 2) - 1];
    return all.length >= FEW && middle !== all[0] && Math.abs(all.at(-1) - all[0]) > 3 * Math.abs(middle - all[0]) ? middle : null;
  }

  // Pairs [x, y] in view, and how many trials are out of it.
  function view(found, keys) {
    const worst = keys.map(key => $("half").checked ? worstDrawn(key) : null);
    const lost = p => keys.some((key, k) => worst[k] != null && sign(sides[0], key) * (p[k] - worst[k]) > 0);
    const pairs = found.filter(t => t.mode === "markers").flatMap(t => t.x.map((v, i) => [v, t.y[i], t.meta === "trial"]));
    const shown = pairs.filter(p => !p[2] || !lost(p));
    return {shown, hidden: pairs.length - shown.length};
  }

  function range(key, values, log) {
    const floats = isScore(key) ? sides.map(s => s[key]).filter(v => v != null && (!log || v > 0)) : [];
    const all = [...values, ...floats].map(v => log ? Math.log10(v) : v), low = Math.min(...all), high = Math.max(...all);
    const pad = (high - low) * 0.08 || (log ? 0.1 : Math.abs(high) * 0.05 || 1);
    return [low - pad, high + pad];
  }

  // Round values on a logarithmic axis: 1-2-5, or powers of ten where there is no room; all digits or even steps where those are few.
  function ticks(axis, [low, high]) {
    const most = axis === "x" ? Math.max(3, plot.clientWidth / 75) : 8, [from, to] = [10 ** low, 10 ** high];
    const [tens, some, all] = [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]].map(digits => {
      const found = [];
      for (let d = Math.floor(low); d <= high; d++) found.push(...digits.map(m => +`${m}e${d}`).filter(v => v >= from && v <= to));
      return found;
    });
    if (some.length > most) return tens.filter((_, i) => i % Math.ceil(tens.length / most) === 0);
    if (all.length >= 3) return some.length >= 3 ? some : all;
    const power = 10 ** Math.floor(Math.log10((to - from) / 3)), step = [1, 2, 5, 10].map(m => m * power).find(s => s >= (to - from) / 3);
    return [0, 1, 2, 3].map(k => (Math.ceil(from / step) + k) * step).filter(v => v <= to);
  }

  function chooseLog() {
    const keys = AXES.map(name => $(`${name}-axis`).value), found = traces(...keys), {shown} = view(found, keys);
    AXES.forEach((name, k) => {
      const box = $(`${name}-log`), values = shown.map(p => p[k]);
      box.disabled = !found.every(t => t[name].every(v => v > 0));
      box.checked = !box.disabled && Math.max(...values) >= 10 * Math.min(...values);
    });
  }

  function floats(key, axis) {
    return sides.flatMap((side, i) => {
      if (!isScore(key) || side[key] == null) return [];
      const ends = axis === "y" ? {xref: "paper", x0: 0, x1: 1, y0: side[key], y1: side[key]} : {yref: "paper", y0: 0, y1: 1, x0: side[key], x1: side[key]};
      const text = `${single ? "" : short(side.name) + ": "}float model ${number(side[key])}`, color = css(single ? "--csim" : `--class${i}`);
      return [{type: "line", ...ends, line: {color, width: 1.5, dash: "dash"}, label: {text, textposition: i ? "start" : "end", yanchor: "bottom", font: {color, size: 12}}}];
    });
  }

  function draw() {
    const keys = AXES.map(name => $(`${name}-axis`).value), found = traces(...keys), {shown, hidden} = view(found, keys), ink = css("--ink"), quiet = css("--quiet");
    const axis = k => {
      const log = $(`${AXES[k]}-log`).checked, ends = shown.length ? range(keys[k], shown.map(p => p[k]), log) : [0, 1];
      const common = {title: {text: short(axes[keys[k]]), standoff: 8}, range: ends, gridcolor: css("--grid"), linecolor: quiet, zeroline: false, automargin: true, tickangle: 0};
      if (!log) return {...common, type: "linear", tickformat: isScore(keys[k]) ? "" : ",", nticks: 7};
      const tickvals = ticks(AXES[k], ends);
      return {...common, type: "log", tickmode: "array", tickvals, ticktext: tickvals.map(number)};
    };
    const layout = {
      xaxis: axis(0), yaxis: axis(1), shapes: keys.flatMap((key, k) => floats(key, AXES[k])), hovermode: "closest", dragmode: "zoom",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {family: getComputedStyle(document.body).fontFamily, size: 13, color: quiet}, margin: {l: 10, r: 12, t: 30, b: 10},
      modebar: {bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: css("--accent")},
      legend: {orientation: "h", x: 0, y: -0.2, yanchor: "top", font: {color: ink}}, hoverlabel: {bgcolor: css("--raised"), bordercolor: css("--rule"), font: {color: ink, size: 12.5}, align: "left", namelength: -1},
    };
    const config = {responsive: true, displaylogo: false, doubleClick: "reset", modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]], toImageButtonOptions: {format: "svg", filename: "front"}};
    Plotly.react(plot, found, layout, config);
    $("half-label").hidden = keys.every(key => worstDrawn(key) == null);
    $("out").textContent = hidden ? `${hidden} worse ${hidden === 1 ? "trial is" : "trials are"} out of view.` : "";
  }

  for (const name of AXES) {
    $(`${name}-axis`).addEventListener("change", () => { chooseLog(); draw(); });
    $(`${name}-log`).addEventListener("change", draw);
  }
  $("half").addEventListener("change", () => { chooseLog(); draw(); });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", draw);
  chooseLog();
  draw();
  plot.on("plotly_relayout", changed => AXES.forEach(name => {
    const {type, range} = plot.layout[`${name}axis`], zoomed = Object.keys(changed).some(key => key.startsWith(`${name}axis.range`));
    if (type !== "log" || !zoomed) return;
    const tickvals = ticks(name, range);
    Plotly.relayout(plot, {[`${name}axis.tickvals`]: tickvals, [`${name}axis.ticktext`]: tickvals.map(number)});
  }));

  async function copy(code) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return `Copied: ${code.textContent}`;
    } catch {
      getSelection().selectAllChildren(code);
      return "The command is marked: copy it with your keyboard.";
    }
  }
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => { $("copied").textContent = await copy($(button.dataset.of)); });
  }
})();

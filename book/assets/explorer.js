// Figures that answer a pointer and keys. Each is a <figure data-explorer="KIND"> that holds its numbers as JSON and a
// table of them; without this script, and on paper, the table is all there is. Menus and sliders are the browser's own:
// they come with keys, focus and names. See lib/figures/explorers.py.
(() => {
  "use strict";
  const SHAPES = new Set(["svg", "path", "line", "circle", "polygon", "text"]);
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [380, 284, 42, 10, 42, 80];
  const CIVIDIS = [[0, 34, 78], [87, 93, 109], [165, 156, 116], [254, 232, 56]];
  const CORNERS = [[30, 222], [350, 222], [190, 18]]; // of the triangle, in the picture's units
  const GRID = 24; // steps along a side of the triangle

  // Elements

  function make(tag, attributes = {}, ...children) {
    const node = SHAPES.has(tag)
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  const labelled = (label, control) => make("label", {}, make("span", {}, label), control);

  function fill(menu, options, chosen = menu.value) {
    menu.replaceChildren(...options.map((option) => make("option", {}, option)));
    menu.value = options.includes(chosen) ? chosen : options[0];
  }

  function menu(options, changed) {
    const node = make("select");
    fill(node, options);
    node.addEventListener("change", changed);
    return node;
  }

  function slider(min, max, step, changed) {
    const node = make("input", { type: "range", min, max, step, value: min });
    node.addEventListener("input", changed);
    return node;
  }

  function picture(width, height, pointed) {
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    const answer = (event) => {
      const box = svg.getBoundingClientRect();
      pointed(((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height);
    };
    svg.addEventListener("pointermove", answer);
    svg.addEventListener("pointerdown", answer);
    return svg;
  }

  function show(figure, controls, ...parts) {
    const live = make("div", { class: "explorer-live" }, make("div", { class: "explorer-controls" }, ...controls), ...parts);
    figure.querySelector(".explorer-table").before(live);
    figure.dataset.live = "";
  }

  // Numbers

  const number = (value, digits = 2) =>
    value === null ? "unknown" : value.toFixed(digits).replace(/^-(?=0(\.0*)?$)/, "").replace("-", "\u2212");
  const signed = (value, digits = 3) => (value < 0 ? "" : "+") + number(value, digits);
  const interval = (one) => `${signed(one.ahead)} [${signed(one.low)}, ${signed(one.high)}]`;
  const known = (values) => values.flat(Infinity).filter((value) => value !== null);
  const place = (values, pick) => values.indexOf(pick(...known(values)));
  const signedRoot = (value) => Math.sign(value) * Math.sqrt(Math.abs(value));
  const inWords = (labels, values, digits = 2) => labels.map((label, i) => `${label} ${number(values[i], digits)}`).join(", ");

  // A little room around what is to be seen, and round numbers for the axis.
  function axis(values) {
    const [low, high] = [Math.min(0, ...values), Math.max(...values, 0.01)];
    const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5].find((one) => (high - low) / one <= 8) || 10;
    const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
    const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
    return { low: first * step, high: last * step, ticks, digits: step < 0.1 ? 2 : step < 1 ? 1 : 0 };
  }

  function frame(svg, heading, labels, scale) {
    const x = (i) => LEFT + ((i + 0.5) * (WIDTH - LEFT - RIGHT)) / labels.length;
    const y = (value) => TOP + ((scale.high - value) / (scale.high - scale.low)) * (HEIGHT - TOP - BOTTOM);
    const ticks = scale.ticks.flatMap((tick) => [
      make("line", { class: tick ? "grid" : "zero", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
      make("text", { class: "end", x: LEFT - 5, y: y(tick) + 4 }, number(tick, scale.digits)),
    ]);
    const names = labels.map((label, i) =>
      make("text", { class: "end", transform: `translate(${x(i) + 4} ${HEIGHT - BOTTOM + 14}) rotate(-45)` }, label));
    svg.replaceChildren(make("text", { class: "heading", x: LEFT, y: 16 }, heading), ...ticks, ...names);
    return { x, y };
  }

  function line({ x, y }, values, name) {
    const steps = values.map((value, i) => (value === null ? "" : `${i && values[i - 1] !== null ? "L" : "M"}${x(i)} ${y(value)}`));
    return make("path", { class: name, d: steps.join("") });
  }

  const between = (values, at) => {
    const i = Math.min(Math.max(Math.floor(at), 0), values.length - 2);
    return values[i] + (values[i + 1] - values[i]) * (at - i);
  };

  function nearest(lines, { x, y }, px, py) {
    const at = Math.min(Math.max((px - x(0)) / (x(1) - x(0)), 0), lines[0].length - 1);
    const away = lines.map((values) => Math.abs(y(between(values, at)) - py));
    return away.indexOf(Math.min(...away));
  }

  // Show the k-th picture of a sheet as the background of a box.
  function onSheet(box, { sheet, columns }, n, k) {
    const rows = Math.ceil(n / columns);
    const share = (place, places) => (places > 1 ? (100 * place) / (places - 1) : 0);
    box.style.backgroundImage = `url(${sheet})`;
    box.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    box.style.backgroundPosition = `${share(k % columns, columns)}% ${share(Math.floor(k / columns), rows)}%`;
  }

  // Test pictures of a voxel from the highest prediction to the lowest, each with two bars around zero.
  function beside(pictures, { predicted, response }) {
    const widest = Math.max(...known([predicted, response]).map(Math.abs), 0.01);
    const bar = (name, word, value) => {
      const track = make("div", { class: `explorer-bar ${name}`, "aria-hidden": "true" });
      track.style.setProperty("--from", `${50 + (50 * Math.min(value, 0)) / widest}%`);
      track.style.setProperty("--long", `${(50 * Math.abs(value)) / widest}%`);
      return make("div", {}, `${word} ${number(value, 1)}`, track);
    };
    const order = predicted.map((_, i) => i).sort((i, j) => predicted[j] - predicted[i]);
    return order.map((i) => {
      const shown = make("div", { class: "explorer-photograph", role: "img", "aria-label": `test picture ${i + 1}` });
      onSheet(shown, pictures, pictures.n, i);
      return make("li", {}, shown, bar("predicted", "predicted", predicted[i]), bar("response", pictures.response, response[i]));
    });
  }

  // Voxels of an ROI: how well each layer predicts each of them, what the stack makes of the layers, what is possible

  function voxels(figure, data) {
    const networks = Object.keys(data.networks);
    const network = menu(networks, () => draw());
    const roi = menu(Object.keys(data.networks[networks[0]].rois), () => draw());
    const voxel = slider(1, 1, 1, () => draw());
    const [readout, stimuli] = [make("output"), make("ol", { class: "explorer-stimuli" })];
    const [left, right] = ["score", "weights"].map((what, i) =>
      picture(WIDTH, HEIGHT, (px, py) => {
        voxel.value = nearest(data.networks[network.value].rois[roi.value][what], frames[i], px, py) + 1;
        draw();
      }));
    const all = Object.values(data.networks).flatMap((one) => Object.values(one.rois));
    const scales = [axis(known(all.map((one) => [one.score, one.ceiling]))), axis([1])];
    const frames = [];

    function panel(i, svg, heading, layers, lines, chosen, ceiling) {
      frames[i] = frame(svg, heading, layers, scales[i]);
      svg.append(...lines.map((values) => line(frames[i], values, "other")));
      if (ceiling !== null) {
        const y = frames[i].y(ceiling);
        svg.append(make("line", { class: "ceiling", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }));
        svg.append(make("line", { class: "ceiling", x1: WIDTH - 130, x2: WIDTH - 100, y1: 12, y2: 12 }));
        svg.append(make("text", { class: "end", x: WIDTH - RIGHT, y: 16 }, "noise ceiling"));
      }
      svg.append(line(frames[i], lines[chosen], "chosen"));
      const labels = lines[chosen].map((value, k) =>
        make("text", { class: "value", x: frames[i].x(k), y: frames[i].y(value) - 7 }, number(value)));
      svg.append(...labels);
      svg.setAttribute("aria-label", `${heading}, chosen voxel: ${inWords(layers, lines[chosen])}`);
    }

    function draw() {
      const { layers, rois } = data.networks[network.value];
      const { score, weights, stack, ceiling } = rois[roi.value];
      voxel.max = stack.length;
      const k = voxel.value - 1;
      panel(0, left, "R on test images", layers, score, k, ceiling[k]);
      panel(1, right, "stacking weight", layers, weights, k, null);
      voxel.setAttribute("aria-valuetext", `${voxel.value} of ${stack.length}`);
      const [best, heaviest] = [place(score[k], Math.max), place(weights[k], Math.max)];
      readout.textContent =
        `Voxel ${voxel.value} of ${stack.length} in ${roi.value}: R is highest at ${layers[best]} (${number(score[k][best])}), ` +
        `the weight at ${layers[heaviest]} (${number(weights[k][heaviest])}). The stack reaches R ${number(stack[k])}; ` +
        `the noise ceiling is R ${number(ceiling[k])}.`;
      if (data.pictures) {
        const { predicted, response } = rois[roi.value];
        stimuli.replaceChildren(...beside(data.pictures, { predicted: predicted[k], response: response[k] }));
      }
    }

    draw();
    show(figure, [labelled("Network", network), labelled("ROI", roi), labelled("Voxel, best first", voxel)],
      make("div", { class: "explorer-panels" }, left, right), readout, ...(data.pictures ? [stimuli] : []));
  }

  // Three layers of a voxel's stack: every mixture of them, its error, and the best one

  const error = (P, w) => w.reduce((sum, a, i) => sum + a * w.reduce((inner, b, j) => inner + P[i][j] * b, 0), 0);

  // The best mixture of up to three layers: that of every corner, edge and the inside, as far as its weights are >= 0.
  function bestMixture(P) {
    const edges = [[0, 1], [1, 2], [0, 2]].map(([i, j]) => {
      const t = (P[j][j] - P[i][j]) / (P[i][i] + P[j][j] - 2 * P[i][j]);
      return [0, 1, 2].map((k) => (k === i ? t : k === j ? 1 - t : 0));
    });
    const minor = (a, b, c, d) => P[a][c] * P[b][d] - P[a][d] * P[b][c];
    const inside = [
      minor(1, 2, 1, 2) - minor(0, 2, 1, 2) + minor(0, 1, 1, 2),
      -minor(1, 2, 0, 2) + minor(0, 2, 0, 2) - minor(0, 1, 0, 2),
      minor(1, 2, 0, 1) - minor(0, 2, 0, 1) + minor(0, 1, 0, 1),
    ];
    const sum = inside[0] + inside[1] + inside[2];
    const candidates = [[1, 0, 0], [0, 1, 0], [0, 0, 1], ...edges, inside.map((value) => value / sum)];
    const allowed = candidates.filter((w) => w.every((value) => value >= 0));
    return allowed.reduce((best, w) => (error(P, w) < error(P, best) ? w : best));
  }

  const mixed = (w) => [0, 1].map((axis) => w.reduce((sum, part, k) => sum + part * CORNERS[k][axis], 0));

  // Weights of a point of the picture; outside the triangle, those of a point on its border.
  function unmixed(px, py) {
    const top = (CORNERS[0][1] - py) / (CORNERS[0][1] - CORNERS[2][1]);
    const second = (px - CORNERS[0][0]) / (CORNERS[1][0] - CORNERS[0][0]) - top / 2;
    const w = [1 - top - second, second, top].map((value) => Math.max(0, value));
    const sum = w[0] + w[1] + w[2];
    return w.map((value) => value / sum);
  }

  function shade(share) {
    const at = Math.min(share, 0.999) * (CIVIDIS.length - 1);
    const colour = [0, 1, 2].map((c) => Math.round(between(CIVIDIS.map((stop) => stop[c]), at)));
    return `rgb(${colour.join(" ")})`;
  }

  function bowl(P) {
    const triangles = [];
    for (let i = 0; i < GRID; i++)
      for (let j = 0; j < GRID - i; j++) {
        triangles.push([[i, j], [i + 1, j], [i, j + 1]]);
        if (i + j < GRID - 1) triangles.push([[i + 1, j], [i, j + 1], [i + 1, j + 1]]);
      }
    const cells = triangles.map((points) => points.map(([i, j]) => [i / GRID, j / GRID, 1 - (i + j) / GRID]));
    const errors = cells.map((cell) => error(P, [0, 1, 2].map((k) => (cell[0][k] + cell[1][k] + cell[2][k]) / 3)));
    const [low, high] = [Math.min(...errors), Math.max(...errors)];
    return cells.map((cell, n) => {
      const fill = shade((errors[n] - low) / (high - low || 1));
      return make("polygon", { points: cell.map(mixed).join(" "), fill, stroke: fill });
    });
  }

  function star([x, y]) {
    const points = Array.from({ length: 10 }, (_, i) => {
      const [radius, angle] = [i % 2 ? 4.5 : 11, (i * Math.PI) / 5];
      return [x + radius * Math.sin(angle), y - radius * Math.cos(angle)];
    });
    return make("polygon", { class: "star", points: points.join(" ") });
  }

  function matrix(title, layers, P, rows, chosen) {
    const all = P.flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const head = make("tr", {}, make("td"), ...layers.map((layer) => make("th", { scope: "col" }, make("span", {}, layer))));
    const body = P.map((row, i) => make("tr", {}, make("th", { scope: "row" }, layers[i]), ...row.map((value, j) => {
      const tint = Math.round((45 * (value - low)) / (high - low || 1)); // letters stay readable on light and on dark pages
      const style = `background: color-mix(in srgb, #56b4e9 ${tint}%, var(--pst-color-background, #fff))`;
      return make("td", { style, class: chosen.includes(i) && chosen.includes(j) ? "among" : "" }, number(value));
    })));
    const foot = rows.map(([name, values]) =>
      make("tr", { class: "weights" }, make("th", { scope: "row" }, name), ...values.map((value) => make("td", {}, number(value)))));
    return [make("caption", {}, title), make("tbody", {}, head, ...body, ...foot)];
  }

  function stacking(figure, data) {
    const networks = Object.keys(data.networks);
    const network = menu(networks, () => choose());
    const roi = menu(Object.keys(data.networks[networks[0]].rois), () => choose());
    const voxel = slider(1, 1, 1, () => choose());
    const corners = [0, 1, 2].map(() => menu([""], () => settle()));
    const weights = [0, 1, 2].map((k) => slider(0, 1, 0.01, () => move(k)));
    const triangle = picture(380, 250, (px, py) => { mix = unmixed(px, py); draw(); });
    const [readout, table] = [make("output"), make("table", { class: "explorer-matrix" })];
    let [mix, best, cells] = [[1, 0, 0], [1, 0, 0], []];

    const shown = () => data.networks[network.value].rois[roi.value][voxel.value - 1];
    const places = () => corners.map((corner) => data.networks[network.value].layers.indexOf(corner.value));
    const three = () => places().map((i) => places().map((j) => shown().P[i][j]));

    // Open at a voxel whose stack mixes three layers: at a corner or on an edge there is little to see.
    function open() {
      const [first] = networks, mixes = ({ w }) => [...w].sort((a, b) => b - a)[2] > 0.1;
      for (const [area, all] of Object.entries(data.networks[first].rois))
        if (all.some(mixes)) {
          [roi.value, voxel.max] = [area, all.length];
          voxel.value = all.findIndex(mixes) + 1;
          return;
        }
    }

    // Another voxel: start from the three layers that the stack of all of them weighs most, in the network's order.
    function choose() {
      const { layers, rois } = data.networks[network.value];
      voxel.max = rois[roi.value].length;
      voxel.setAttribute("aria-valuetext", `${voxel.value} of ${voxel.max}`);
      const { w } = shown();
      const order = layers.map((_, i) => i).sort((i, j) => w[j] - w[i] || i - j).slice(0, 3).sort((i, j) => i - j);
      corners.forEach((corner, k) => fill(corner, layers, layers[order[k]]));
      settle();
    }

    // Other corners: a layer stands at one corner only, and the mixture starts at the best.
    function settle() {
      corners.forEach((corner, k) => {
        const taken = corners.filter((_, other) => other !== k).map((other) => other.value);
        for (const option of corner.options) option.disabled = taken.includes(option.value);
      });
      [best, cells] = [bestMixture(three()), bowl(three())];
      mix = best;
      const { layers } = data.networks[network.value];
      const of = (values) => layers.map((_, i) => (places().includes(i) ? values[places().indexOf(i)] : 0));
      const title =
        `Voxel ${voxel.value} of ${voxel.max}: products P of the layers\u2019 errors, framed where both layers are on a corner; ` +
        "weights w of the stack of all layers, and of the best mixture of the three.";
      table.replaceChildren(...matrix(title, layers, shown().P, [["w, all", shown().w], ["w, three", of(best)]], places()));
      draw();
    }

    // One weight moved by hand: the two others share what is left as before.
    function move(k) {
      const [own, rest] = [Number(weights[k].value), 1 - mix[k]];
      mix = mix.map((value, i) => (i === k ? own : rest > 1e-9 ? (value * (1 - own)) / rest : (1 - own) / 2));
      draw();
    }

    function draw() {
      const names = corners.map((corner) => corner.value);
      const labels = names.map((name, k) =>
        make("text", { class: ["", "end", "middle"][k], x: CORNERS[k][0] + [-18, 18, 0][k], y: CORNERS[k][1] + [20, 20, -6][k] }, name));
      const [x, y] = mixed(mix);
      triangle.replaceChildren(...cells, star(mixed(best)), make("circle", { class: "mix", cx: x, cy: y, r: 6 }), ...labels);
      triangle.setAttribute("aria-label", `Mixtures of three layers; chosen: ${inWords(names, mix)}`);
      weights.forEach((weight, k) => {
        weight.value = mix[k];
        weight.setAttribute("aria-label", `weight of ${names[k]}`);
        weight.setAttribute("aria-valuetext", number(mix[k]));
        weight.nextSibling.textContent = number(mix[k]);
      });
      const [here, least, all] = [error(three(), mix), error(three(), best), error(shown().P, shown().w)];
      const withR = (value) => `${number(value, 3)} (R ${number(signedRoot(1 - value))})`;
      readout.textContent =
        `This mixture errs by ${withR(here)}. The best of these three, ${inWords(names, best)}, errs by ${withR(least)}; ` +
        `the stack of all layers by ${withR(all)}.`;
    }

    const rows = corners.map((corner, k) =>
      make("div", { class: "explorer-corner" }, labelled(["Left", "Right", "Top"][k], corner), weights[k], make("span", {})));
    open();
    choose();
    show(figure, [labelled("Network", network), labelled("ROI", roi), labelled("Voxel, best first", voxel)],
      make("div", { class: "explorer-panels" }, triangle, make("div", {}, ...rows, readout)), table);
  }

  // Choices of an analysis: what they make of the comparison, in the world chosen and in all others

  function choices(figure, data) {
    const fields = Object.keys(data.fields);
    const world = menu(Object.keys(data.worlds), () => draw());
    const menus = fields.map((field) => menu(data.fields[field], () => draw()));
    const position = slider(1, 1, 1, () => set(ordered()[position.value - 1]));
    const readout = make("output");
    const curve = picture(WIDTH, HEIGHT, (px) => {
      const n = ordered().length;
      set(ordered()[Math.min(Math.max(Math.floor(((px - LEFT) * n) / (WIDTH - LEFT - RIGHT)), 0), n - 1)]);
    });
    const worlds = picture(WIDTH, HEIGHT, (px) => {
      const all = Object.keys(data.worlds);
      world.value = all[Math.min(Math.max(Math.floor(((px - LEFT) * all.length) / (WIDTH - LEFT - RIGHT)), 0), all.length - 1)];
      draw();
    });
    const scale = axis(Object.values(data.worlds).flat().flatMap((one) => [one.low, one.high]));

    const ordered = () => [...data.worlds[world.value]].sort((a, b) => a.ahead - b.ahead);
    const chosen = (of = world.value) =>
      data.worlds[of].find((one) => menus.every((own, i) => own.value === one.choices[i]));

    function set(one) {
      menus.forEach((own, i) => { own.value = one.choices[i]; });
      draw();
    }

    function points(svg, heading, labels, all, which) {
      const { x, y } = frame(svg, heading, labels, scale);
      all.forEach((one, i) => {
        const name = `${one.holds.includes("Y1") ? "holds" : "fails"}${i === which ? " chosen" : ""}`;
        svg.append(make("line", { class: name, x1: x(i), x2: x(i), y1: y(one.low), y2: y(one.high) }));
        svg.append(make("circle", { class: name, cx: x(i), cy: y(one.ahead), r: i === which ? 6 : 3 }));
      });
      const words = labels.map((label, i) => (label ? `${label} ${interval(all[i])}` : "")).filter(Boolean).join("; ");
      svg.setAttribute("aria-label", `${heading}: ${words || interval(all[which])}`);
    }

    function draw() {
      const [all, here] = [ordered(), chosen()];
      const which = all.indexOf(here);
      const published = all.findIndex((one) => one.published);
      points(curve, `AlexNet's lead, ${all.length} sets of choices`, all.map((_, i) => (i === published ? "published" : "")), all, which);
      const names = Object.keys(data.worlds);
      points(worlds, "These choices in every world", names, names.map(chosen), names.indexOf(world.value));
      [position.max, position.value] = [all.length, which + 1];
      position.setAttribute("aria-valuetext", `${which + 1} of ${all.length}`);
      readout.textContent =
        `AlexNet's lead in ${world.value}: ${interval(here)} (mean r). ` +
        data.claims.map((claim) => `${claim} ${here.holds.includes(claim) ? "holds" : "does not hold"}`).join(", ") +
        `. Place ${which + 1} of ${all.length} from the left; the published choices stand at ${published + 1}.`;
    }

    draw();
    show(figure, [labelled("World", world), ...fields.map((field, i) => labelled(field, menus[i])), labelled("Place on the curve", position)],
      make("div", { class: "explorer-panels" }, curve, worlds), readout);
  }

  // Photographs: the predicted and the measured response to each, and the photograph itself

  function photographs(figure, data) {
    const predictor = menu(Object.keys(data.predicted), () => draw());
    const area = menu(Object.keys(data.areas), () => draw());
    const photograph = slider(1, data.categories.length, 1, () => draw());
    const shown = make("div", { class: "explorer-photograph", role: "img" });
    const readout = make("output");
    let places = [];
    const plot = picture(WIDTH, HEIGHT, (px, py) => {
      const away = places.map(([x, y]) => Math.hypot(x - px, y - py));
      photograph.value = away.indexOf(Math.min(...away)) + 1;
      draw();
    });

    function scatter(predicted, measured) {
      const [across, up] = [axis(predicted), axis(measured)];
      const { y } = frame(plot, `${area.value}: ${data.response}, ${data.unit}`, [], up);
      const x = (value) => LEFT + ((value - across.low) / (across.high - across.low)) * (WIDTH - LEFT - RIGHT);
      plot.append(...across.ticks.map((tick) =>
        make("text", { class: "middle", x: x(tick), y: HEIGHT - BOTTOM + 16 }, number(tick, across.digits))));
      plot.append(make("text", { class: "middle", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - BOTTOM + 36 }, "predicted response"));
      return predicted.map((value, i) => [x(value), y(measured[i])]);
    }

    function draw() {
      const k = photograph.value - 1;
      const [predicted, measured] = [data.predicted[predictor.value][area.value], data.areas[area.value]];
      places = scatter(predicted, measured);
      const point = (i) => {
        const name = `${data.filled[i] ? "holds" : "fails"}${i === k ? " chosen" : ""}`;
        return make("circle", { class: name, cx: places[i][0], cy: places[i][1], r: i === k ? 7 : 3.5 });
      };
      plot.append(...places.map((_, i) => i).filter((i) => i !== k).map(point), point(k));
      onSheet(shown, data, places.length, k);
      const name = `${data.noun} ${k + 1} of ${places.length}, ${data.categories[k]}`;
      shown.setAttribute("aria-label", name);
      photograph.setAttribute("aria-valuetext", name);
      plot.setAttribute("aria-label", `${data.response} of ${area.value} to ${places.length} pictures against what ${predictor.value} predicts`);
      readout.textContent = `${name}: predicted ${number(predicted[k])}, ${data.response} ${number(measured[k])}.`;
    }

    draw();
    show(figure, [labelled("Predicted by", predictor), labelled("Area", area), labelled(data.noun, photograph)],
      make("div", { class: "explorer-panels" }, plot, make("div", {}, shown, readout)));
  }

  const tools = { make, labelled, menu, slider, picture, show, number, interval, axis, frame, line, nearest };
  const plant = (figure, data) => globalThis.plant.draw(figure, data, tools); // plant.js
  const kinds = { voxels, stacking, choices, photographs, plant };
  for (const figure of document.querySelectorAll("figure[data-explorer]"))
    kinds[figure.dataset.explorer](figure, JSON.parse(figure.querySelector("script").textContent));
})();

// Plant it yourself: voxels are planted in the stored components of a network's layers, measured with noise, and analysed
// as lib does it: ridge regression per layer, stacking, the verdict on a claim. See lib/figures/plant.py, which plants
// the same voxels; a test compares all numbers. An array of arrays is a matrix, its rows first. explorer.js calls draw.
(() => {
  "use strict";
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => sum(values) / values.length;
  const transpose = (A) => A[0].map((_, j) => A.map((row) => row[j]));
  const columnMeans = (A) => transpose(A).map(mean);
  const minus = (A, centre) => A.map((row) => row.map((value, j) => value - centre[j]));

  // Standard normal numbers: mulberry32, then Box and Muller.
  function normals(seed, rows, columns) {
    let state = seed;
    function uniform() {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    }
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return range(rows).map(() => range(columns).map(normal));
  }

  function product(A, B) { // A B
    return A.map((row) => {
      const out = new Array(B[0].length).fill(0);
      row.forEach((value, k) => { for (let j = 0; j < out.length; j++) out[j] += value * B[k][j]; });
      return out;
    });
  }

  // The inverse of a symmetric positive definite matrix, by Gauss and Jordan; such a matrix needs no pivoting.
  function inverse(A) {
    const work = A.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))]);
    work.forEach((row, i) => {
      const pivot = row[i];
      for (let j = 0; j < row.length; j++) row[j] /= pivot;
      work.forEach((other, k) => {
        const factor = other[i];
        if (k !== i && factor) for (let j = 0; j < row.length; j++) other[j] -= factor * row[j];
      });
    });
    return work.map((row) => row.slice(A.length));
  }

  const withPenalty = (G, alpha) => inverse(G.map((row, i) => row.map((value, j) => value + (i === j ? alpha : 0))));

  // What a reader has planted

  function components({ values, step }, width) {
    const bytes = atob(values);
    return range(bytes.length / width).map((i) =>
      range(width).map((j) => ((bytes.charCodeAt(i * width + j) << 24) >> 24) * step[j]));
  }

  function unit(A) { // columns of mean 0 and variance 1; those that do not vary stay 0
    const centred = minus(A, columnMeans(A));
    const deviation = columnMeans(centred.map((row) => row.map((value) => value ** 2))).map((value) => Math.sqrt(value) || 1);
    return centred.map((row) => row.map((value, j) => value / deviation[j]));
  }

  function responses(layers, voxels, { parts, ncsnr, repeats, seed }) {
    const [first, images, total] = [1000 * seed, layers[0].length, sum(parts) || 1];
    const mixtures = layers.map((X, k) => product(unit(X), normals(first + k, X[0].length, voxels)));
    mixtures.push(normals(first + layers.length, images, voxels));
    const planted = mixtures.map(unit);
    const signal = unit(range(images).map((i) => range(voxels).map((v) =>
      sum(planted.map((one, k) => Math.sqrt(parts[k] / total) * one[i][v])))));
    const strength = sum(parts) ? ncsnr / Math.hypot(1, ncsnr) : 0;
    const trials = range(repeats).map((r) => normals(first + 100 + r, images, voxels));
    return signal.map((row, i) => row.map((value, v) =>
      strength * value + Math.sqrt(1 - strength ** 2) * mean(trials.map((trial) => trial[i][v]))));
  }

  // What the analysis finds

  // One layer: out-of-fold errors of the training images and predictions of the test images, both (voxels, images).
  function ridge(X, Xtest, y, alphas, folds) {
    const [n, width, voxels] = [X.length, X[0].length, y[0].length];
    const centre = columnMeans(X);
    const scale = Math.sqrt(mean(minus(X, centre).flat().map((value) => value ** 2)));
    const scaled = (A) => minus(A, centre).map((row) => row.map((value) => value / scale));
    const [F, Ftest] = [scaled(X), scaled(Xtest)];
    const [Ft, squares] = [transpose(F), range(voxels).map((v) => sum(y.map((row) => row[v] ** 2)))];
    const [G, C] = [product(Ft, F), product(Ft, y)];
    const best = range(voxels).map(() => ({ cost: Infinity }));
    for (const alpha of alphas) { // generalised cross-validation
      const inverted = withPenalty(G, alpha);
      const freedom = n - 1 - width + alpha * sum(inverted.map((row, i) => row[i]));
      const [B, GB] = [product(inverted, C), product(G, product(inverted, C))];
      best.forEach((one, v) => {
        const left = squares[v] - 2 * sum(B.map((row, k) => row[v] * C[k][v])) + sum(B.map((row, k) => row[v] * GB[k][v]));
        if (left / freedom ** 2 < one.cost) Object.assign(one, { cost: left / freedom ** 2, alpha, B });
      });
    }
    const errors = range(voxels).map(() => new Array(n));
    for (const [start, end] of folds) { // fitted to the other images, with the same penalties
      const others = (A) => [...A.slice(0, start), ...A.slice(end)];
      const [mF, my] = [columnMeans(others(F)), columnMeans(others(y))];
      const [Fo, yo] = [minus(others(F), mF), minus(others(y), my)];
      const [Go, Co] = [product(transpose(Fo), Fo), product(transpose(Fo), yo)];
      for (const alpha of new Set(best.map((one) => one.alpha))) {
        const said = product(minus(F.slice(start, end), mF), product(withPenalty(Go, alpha), Co));
        best.forEach((one, v) => {
          if (one.alpha === alpha) said.forEach((row, i) => { errors[v][start + i] = y[start + i][v] - my[v] - row[v]; });
        });
      }
    }
    const predictions = best.map((one, v) => Ftest.map((row) => sum(row.map((value, k) => value * one.B[k][v]))));
    return { errors, predictions };
  }

  // Minimise w'Pw over w >= 0 that sum to 1: up to its sum, w is the least squares solution x >= 0 of Px = 1, found layer
  // by layer (Lawson & Hanson 1974). The tiny ridge is lib's: layers that are alike share a weight.
  function simplexWeights(products) {
    const P = products.map((row, i) => row.map((value, j) => value * (i === j ? 1 + 1e-10 : 1)));
    let [x, used] = [P.map(() => 0), []];
    for (let round = 0; round < 50 * P.length; round++) {
      const short = P.map((row, i) => (used.includes(i) ? 0 : 1 - sum(row.map((value, j) => value * x[j]))));
      if (Math.max(...short) < 1e-13) break;
      used.push(short.indexOf(Math.max(...short)));
      for (;;) {
        const z = inverse(used.map((i) => used.map((j) => P[i][j]))).map(sum);
        const steps = used.map((i, k) => (z[k] > 0 ? 1 : x[i] / (x[i] - z[k])));
        const step = Math.min(...steps);
        used.forEach((i, k) => { x[i] += step * (z[k] - x[i]); });
        if (step === 1) break;
        x = x.map((value, i) => (used.indexOf(i) >= 0 && steps[used.indexOf(i)] === step ? 0 : value));
        used = used.filter((_, k) => steps[k] > step);
      }
    }
    return x.map((value) => value / sum(x));
  }

  const products = (errors, from, to) => errors.map((a) => errors.map((b) => {
    let total = 0;
    for (let i = from; i < to; i++) total += a[i] * b[i];
    return total;
  }));

  const signedRoot = (value) => Math.sign(value) * Math.sqrt(Math.abs(value));
  const groupsOf = (n, count) => range(count).map((g) => [(g * n) / count, ((g + 1) * n) / count]);

  // Jackknife: of all images, and what each group of images says. Both score and weights are arrays over layers.
  function jackknife(groups, statistic) {
    const whole = statistic(null);
    const without = groups.map((group) => statistic(group));
    const n = groups.length;
    return { whole, pseudo: without.map((one) => one.map((value, k) => n * whole[k] - (n - 1) * value)) };
  }

  function voxelWeights(errors, groups) {
    const n = errors[0].length;
    const all = products(errors, 0, n);
    return jackknife(groups, (group) => {
      const own = group && products(errors, ...group);
      return simplexWeights(all.map((row, i) => row.map((value, j) => (group ? value - own[i][j] : value))));
    });
  }

  function voxelScores(y, predictions, groups) {
    const sums = (from, to) => {
      const part = y.slice(from, to);
      return { n: part.length, square: sum(part.map((value) => value ** 2)), total: sum(part),
        errors: predictions.map((one) => sum(part.map((value, i) => (value - one[from + i]) ** 2))) };
    };
    const all = sums(0, y.length);
    return jackknife(groups, (group) => {
      const own = group ? sums(...group) : { n: 0, square: 0, total: 0, errors: predictions.map(() => 0) };
      const variance = all.square - own.square - (all.total - own.total) ** 2 / (all.n - own.n);
      return predictions.map((_, k) => signedRoot(1 - (all.errors[k] - own.errors[k]) / variance));
    });
  }

  function analyse(data, layers, settings) {
    const all = responses(layers, data.voxels, settings);
    const [n, train] = [settings.images, all.slice(0, settings.images)];
    const centre = columnMeans(train);
    const deviation = columnMeans(minus(train, centre).map((row) => row.map((value) => value ** 2))).map(Math.sqrt);
    const standardised = (A) => minus(A, centre).map((row) => row.map((value, v) => value / deviation[v]));
    const [y, yTest] = [standardised(train), standardised(all.slice(data.train))];
    const fits = layers.map((X) => ridge(X.slice(0, n), X.slice(data.train), y, data.alphas, groupsOf(n, data.folds)));
    return range(data.voxels).map((v) => {
      const weights = voxelWeights(fits.map((fit) => fit.errors[v]), groupsOf(n, data.groups));
      const predictions = fits.map((fit) => fit.predictions[v]);
      const stack = predictions[0].map((_, i) => sum(predictions.map((one, k) => one[i] * weights.whole[k])));
      const scores = voxelScores(yTest.map((row) => row[v]), [...predictions, stack], groupsOf(yTest.length, data.groups));
      return { weights, scores };
    });
  }

  // Standard error of a mean over groups of images and over voxels, both drawn at random; values are (voxels, groups).
  function clusteredError(values) {
    const [m, n] = [values.length, values[0].length];
    const centre = mean(values.flat());
    const sums = values.map((row) => row.map((value) => (value - centre) / (n * m)));
    const [voxels, images] = [sums.map(sum), transpose(sums).map(sum)];
    const square = (list) => sum(list.map((value) => value ** 2));
    const both = sums.map((row, v) => row.map((value, g) => value - images[g] / m - voxels[v] / n));
    const [a, b, c] = [(square(images) * n) / (n - 1), (square(voxels) * m) / (m - 1),
      (square(both.flat()) * n * m) / ((n - 1) * (m - 1))];
    return Math.sqrt(Math.max(a + b - c, a, b));
  }

  // The claim that a layer exceeds every other one, in stacking weight or in R: its interval, and what becomes of it.
  function verdict(data, found, measure, claimed) {
    const [alone, together] = data.quantiles;
    const stacked = found.map((one) => one.scores.pseudo.map((group) => group[group.length - 1]));
    const predicted = mean(stacked.flat()) - alone * clusteredError(stacked) > 0;
    const leads = range(data.layers.length).filter((k) => k !== claimed).map((k) => {
      const ahead = found.map((one) => one[measure].pseudo.map((group) => group[claimed] - group[k]));
      const [estimate, error] = [mean(ahead.flat()), clusteredError(ahead)];
      return [estimate, estimate - alone * error, estimate + together * error];
    });
    const [ahead, low, high] = transpose(leads).map((values) => Math.min(...values));
    const smallest = data.smallest[measure];
    const outcome = !predicted ? "cannot be asked here" : low > 0 && ahead >= smallest ? "holds" : high < smallest ? "contradicted" : "undecided";
    return { ahead, low, high, outcome };
  }

  const layersOf = (data) => data.layers.map((layer) => components(layer, data.width));

  // What a reader sees and sets; the tools are explorer.js's

  function draw(figure, data, { make, labelled, menu, slider, picture, show, number, interval, axis, frame, line, nearest }) {
    const [layers, names] = [layersOf(data), data.layers.map((layer) => layer.name)];
    const setting = (label, min, max, step, value, words = String) => {
      const [input, told] = [slider(min, max, step, () => change()), make("span", { class: "explorer-value" })];
      input.value = value;
      const tell = () => { told.textContent = words(input.value); input.setAttribute("aria-valuetext", told.textContent); };
      const row = labelled(label, input);
      row.append(told);
      return { row, tell, get value() { return Number(input.value); }, set value(to) { input.value = to; } };
    };
    const parts = [...names, "no layer"].map((name, k) => setting(name, 0, 10, 1, data.start.parts[k]));
    const ncsnr = setting("Signal-to-noise of a trial (ncsnr)", 0, 1.5, 0.1, data.start.ncsnr, (value) => number(Number(value), 1));
    const images = setting("Training images", 3 * data.groups, data.train, data.groups, data.start.images);
    const repeats = setting("Repeats of an image", 1, 10, 1, data.start.repeats);
    const voxel = setting("Voxel", 0, data.voxels, 1, 0, (value) => (value === "0" ? "mean" : value));
    const measures = { "stacking weight": "weights", R: "scores" };
    const measure = menu(Object.keys(measures), () => paint());
    const claimed = menu(names, () => paint());
    claimed.value = data.start.claimed;
    const again = make("button", { type: "button" }, "Draw other voxels and noise");
    again.addEventListener("click", () => { seed += 1; change(); });
    const readout = make("output");
    const [scales, frames] = [[axis([-0.4, 1]), axis([1])], []];
    const panels = ["scores", "weights"].map((what, i) => picture(380, 284, (x, y) => {
      voxel.value = nearest(curves(what), frames[i], x, y) + 1;
      paint();
    }));
    let [seed, found, planted, settings] = [data.start.seed, [], [], null];

    const curves = (what) => found.map((one) => one[what].whole.slice(0, names.length));
    const shown = (all) => (voxel.value ? all[voxel.value - 1] : columnMeans(all));
    const peak = (values) => names[values.indexOf(Math.max(...values))];

    function change() {
      const set = { parts: parts.map((part) => part.value), ncsnr: ncsnr.value, images: images.value, repeats: repeats.value, seed };
      if (JSON.stringify(set) !== JSON.stringify(settings)) {
        settings = set;
        planted = set.parts.map((part) => part / (sum(set.parts) || 1));
        found = analyse(data, layers, set);
      }
      paint();
    }

    function panel(i, heading, values, extra) {
      frames[i] = frame(panels[i], heading, names, scales[i]);
      panels[i].append(...extra(frames[i]), ...curves(["scores", "weights"][i]).map((one) => line(frames[i], one.map((value) => Math.max(value, scales[i].low)), "other")), line(frames[i], values.map((value) => Math.max(value, scales[i].low)), "chosen"));
      panels[i].append(...values.map((value, k) =>
        make("text", { class: "value", x: frames[i].x(k), y: frames[i].y(Math.max(value, scales[i].low)) - 7 }, number(value))));
      panels[i].setAttribute("aria-label", `${heading}: ${names.map((name, k) => `${name} ${number(values[k])}`).join(", ")}`);
    }

    function paint() {
      for (const one of [...parts, ncsnr, images, repeats, voxel]) one.tell();
      const [scores, weights] = [shown(curves("scores")), shown(curves("weights"))];
      const stack = mean(voxel.value ? [found[voxel.value - 1].scores.whole[names.length]] : found.map((one) => one.scores.whole[names.length]));
      const signal = sum(planted) ? settings.ncsnr ** 2 : 0;
      const ceiling = Math.sqrt(signal / (signal + 1 / settings.repeats));
      panel(0, "R on test images; dashed: noise ceiling", scores, ({ y }) =>
        [make("line", { class: "ceiling", x1: 42, x2: 370, y1: y(ceiling), y2: y(ceiling) })]);
      panel(1, "stacking weight; bars: planted share", weights, ({ x, y }) =>
        names.map((_, k) => make("line", { class: "planted", x1: x(k), x2: x(k), y1: y(0), y2: y(planted[k]) })));
      const one = verdict(data, found, measures[measure.value], names.indexOf(claimed.value));
      const drives = [...names, "no layer"].flatMap((name, k) => (planted[k] ? `${name} ${Math.round(100 * planted[k])}\u00a0%` : []));
      readout.textContent =
        `Planted: ${drives.join(", ") || "nothing; the voxels are noise"}. ` +
        `${voxel.value ? `Voxel ${voxel.value}` : `Mean of ${data.voxels} voxels`}: R is highest at ${peak(scores)} (${number(Math.max(...scores))}), ` +
        `the weight at ${peak(weights)} (${number(Math.max(...weights))}); the stack reaches R ${number(stack)}, the noise ceiling is R ${number(ceiling)}. ` +
        `Verdict over all voxels on \u201c${claimed.value} exceeds every other layer in ${measure.value}\u201d: ${one.outcome}` +
        `${one.outcome === "cannot be asked here" ? ", since the stack predicts nothing" : `, lead ${interval(one)}; it is not that of the points drawn, but corrected for bias by leaving out groups of images in turn`}.`;
    }

    change();
    show(figure, [], make("div", { class: "explorer-panels" }, ...panels), make("div", { class: "explorer-panels" },
      make("fieldset", {}, make("legend", {}, "What drives the voxels, in parts"), ...parts.map((part) => part.row)),
      make("fieldset", {}, make("legend", {}, "What is measured"), ...[ncsnr, images, repeats].map((one) => one.row), again),
      make("fieldset", {}, make("legend", {}, "What is claimed"), labelled("Exceeds all others in", measure), labelled("Layer", claimed)),
      make("fieldset", {}, make("legend", {}, "What is drawn"), voxel.row)), readout);
  }

  globalThis.plant = { layersOf, responses, analyse, verdict, draw };
})();

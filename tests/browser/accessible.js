// What is wrong with the page for who sees, hears or reads it otherwise, a line each, handed to the last argument: what axe-core finds
// by all its rules (WCAG, and its own practices, which have the order of headings), and too little contrast in pictures, which
// it leaves to people.
const done = arguments[arguments.length - 1];

function channels(color) {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
}

function luminance({ red, green, blue }) {
  const [r, g, b] = [red, green, blue].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function behind(element) {
  for (let above = element; above; above = above.parentElement) {
    const back = channels(getComputedStyle(above).backgroundColor);
    if (back.alpha === 1) {
      return back;
    }
  }
  return channels("rgb(255, 255, 255)");
}

// Text needs more of it than a mark does (WCAG 1.4.3, 1.4.11).
function inPictures() {
  const parts = [...document.querySelectorAll("svg text, svg [class^='m-']")];
  const pale = parts.flatMap((part) => {
    const { fill, stroke } = getComputedStyle(part);
    const found = contrast(channels(fill === "none" ? stroke : fill), behind(part));
    return found < (part.tagName === "text" ? 4.5 : 3) ? [`picture-contrast: ${found.toFixed(1)}: ${part.outerHTML.slice(0, 200)}`] : [];
  });
  return { parts: parts.length, pale };
}

const isText = (node) => node.html.startsWith("<text");
const words = (node) => node.any.concat(node.all, node.none).map((check) => check.message).join("; ");
const lines = (rule) => rule.nodes.map((node) => `${rule.id}: ${rule.help}: ${node.html.slice(0, 200)} (${words(node)})`);

axe.run(document, { resultTypes: ["violations", "incomplete"] }).then(
  (found) => {
    // What it is not sure of is to be looked at, too, but for text in pictures.
    const unsure = found.incomplete.map((rule) => ({ ...rule, nodes: rule.nodes.filter((node) => !isText(node)) }));
    const { parts, pale } = inPictures();
    const wrong = found.violations.concat(unsure).flatMap(lines).concat(pale);
    done({ rules: found.passes.length + found.violations.length, parts, wrong });
  },
  (error) => done({ rules: 0, parts: 0, wrong: [String(error)] }),
);

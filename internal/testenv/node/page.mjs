// Runs page blocks in a JavaScript engine and returns what they hand to the widget.
// Input: [html]. Output: [{ainisaUser, calls, late, nonce}], where calls are
// those of window.bookbag, and late those of one that comes after the block.
import { json } from "node:stream/consumers";
import vm from "node:vm";

// As an HTML parser finds a script: up to the first end tag, whatever is inside.
const block = /^<script type="application\/json" data-chatident="(ainisa|bookbag)" data-turbo-temporary>([^]*?)<\/script[\s/>]<script data-turbo-temporary(?: nonce="([A-Za-z0-9+/_-]+={0,2})")?>([^]*?)<\/script[\s/>]/i;

function run(vendor, textContent, code, bookbagIsThere) {
  const calls = [];
  const bookbag = (...args) => calls.push(args);
  const window = bookbagIsThere ? { bookbag } : {};
  const timers = [];
  let there = true;
  const element = { textContent, getAttribute: () => vendor, remove: () => { there = false; } };
  class Document { querySelectorAll() { return [element]; } }
  vm.runInNewContext(code, {
    window, document: {}, Document,
    setInterval: (f) => timers.push(f),
    clearInterval: (id) => { if (id) timers[id - 1] = () => {}; },
  });
  window.bookbag = bookbag;
  for (let tick = 0; tick < 3; tick++) timers.forEach((f) => f());
  if (there) throw new Error("the data element is still there");
  return { calls, ainisaUser: window.ainisaUser };
}

const blocks = await json(process.stdin);
console.log(JSON.stringify(blocks.map((html) => {
  const [whole, vendor, data, nonce, code] = block.exec(html) ?? [];
  if (whole === undefined || whole.length !== html.length) return { error: "not a data element and a script" };
  return { ...run(vendor, data, code, true), late: run(vendor, data, code, false).calls, nonce };
})));

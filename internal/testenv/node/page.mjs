// Runs page blocks in a JavaScript engine and says what they told the widget.
// Input: [html]. Output: [{ainisaUser, calls, late, nonce}], where calls are
// those of window.bookbag, and late those of one that comes after the block.
import { json } from "node:stream/consumers";
import vm from "node:vm";

// As an HTML parser finds a script: up to the first end tag, whatever is inside.
const element = /^<script(?: nonce="([A-Za-z0-9+/_-]+={0,2})")?>([^]*?)<\/script[\s/>]/i;

function run(code, bookbagIsThere) {
  const calls = [];
  const bookbag = (...args) => calls.push(args);
  const loaded = [];
  const window = { addEventListener: (event, f) => event === "load" && loaded.push(f) };
  if (bookbagIsThere) window.bookbag = bookbag;
  vm.runInNewContext(code, { window });
  if (!bookbagIsThere) {
    window.bookbag = bookbag;
    loaded.forEach((f) => f());
  }
  return { calls, ainisaUser: window.ainisaUser };
}

const blocks = await json(process.stdin);
console.log(JSON.stringify(blocks.map((html) => {
  const [whole, nonce, code] = element.exec(html) ?? [];
  if (whole === undefined || whole.length !== html.length) return { error: "not one script element" };
  return { ...run(code, true), late: run(code, false).calls, nonce };
})));

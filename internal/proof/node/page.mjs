// Runs page blocks in a JavaScript engine and says what they told the widget.
// Input: [html]. Output: [{ainisaUser, calls, nonce}].
import { json } from "node:stream/consumers";
import vm from "node:vm";

// As an HTML parser finds a script: up to the first end tag, whatever is inside.
const element = /^<script(?: nonce="([A-Za-z0-9+/_-]+={0,2})")?>([^]*?)<\/script[\s/>]/i;

const blocks = await json(process.stdin);
console.log(JSON.stringify(blocks.map((html) => {
  const [whole, nonce, code] = element.exec(html) ?? [];
  if (whole === undefined || whole.length !== html.length) return { error: "not one script element" };
  const calls = [];
  const window = { bookbag: (...args) => calls.push(args) };
  vm.runInNewContext(code, { window });
  return { ainisaUser: window.ainisaUser, calls, nonce };
})));

// Runs a bundle of usechat.jsx. Its argument is {bundle, prefix, body, cookie} as JSON. Each line
// of its input is an action or {offline}, and each line of its output the state after it.
import { createInterface } from "node:readline";

const { bundle, prefix, body, cookie } = JSON.parse(process.argv[2]);
const { fetch } = globalThis;
let offline = false;
globalThis.fetch = async (input, init) => {
  if (offline) throw new TypeError("fetch failed");
  return fetch(input, { ...init, headers: { ...init.headers, cookie } }); // as the browser does
};
const { startInNode } = await import(bundle);
const run = startInNode({ prefix, body });
for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  if (step.offline !== undefined) ({ offline } = step);
  console.log(JSON.stringify(await run(step)));
}

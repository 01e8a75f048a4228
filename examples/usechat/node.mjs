// Runs the chats of a test, one after the other, with the bundle of usechat.jsx that its
// argument names. Each line of its input opens a chat, {site, body, cookie}, is an action, or
// {offline}. Each line of its output is the state of the chat after that.
import { createInterface } from "node:readline";

const { startInNode } = await import(process.argv[2]);
const { fetch } = globalThis;
let run, site, cookie, offline;
globalThis.fetch = async (input, init) => {
  if (offline) throw new TypeError("fetch failed");
  return fetch(new URL(input, site), { ...init, headers: { ...init.headers, cookie } }); // as the browser does
};
for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  if (step.site) [run, site, cookie] = [startInNode(step), step.site, step.cookie];
  if (step.offline !== undefined) ({ offline } = step);
  console.log(JSON.stringify(await run(step)));
}

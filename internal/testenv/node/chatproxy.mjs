// Chats with chatproxy.js, one step after another with the same ChatProxy.
// Input: {url, headers, steps}. Each step is one of
//   {send: text, stopAfter: pieces, leave: true}  stops, or leaves the loop, where stopAfter says
//   {send: text, meanwhile: text}                 sends the second when the first has begun
//   {conversation: ticket or null}                goes on with another one, or begins anew
//   {history: {limit, cursor}}
//   {messages: {limit, cursor}, of: ticket}       of the current conversation by default
//   {feedback: value, on: ticket}                 on the latest reply by default
// Output: for each step {pieces, answer, error: {name, message, code, status, retryAfter}, conversation, lastReply}.
import { readFile } from "node:fs/promises";
import { json } from "node:stream/consumers";
import vm from "node:vm";

const { url, headers, steps } = await json(process.stdin);

// A page cannot choose who it is: its browser adds the cookie.
const { fetch } = globalThis;
globalThis.fetch = (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } });

const script = new URL("../../../chatclient/chatproxy/chatproxy.js", import.meta.url);
vm.runInThisContext(await readFile(script, "utf8"), { filename: "chatproxy.js" });
const chat = new ChatProxy(url);

async function send({ send: text, stopAfter, leave, meanwhile }, pieces) {
  for await (const piece of chat.send(text)) {
    pieces.push(piece);
    if (meanwhile) await send({ send: meanwhile }, pieces);
    if (pieces.length !== stopAfter) continue;
    if (leave) break;
    chat.stop();
  }
}

function call(step) {
  if ("history" in step) return chat.history(step.history);
  if ("messages" in step) return chat.messages(step.of ?? chat.conversation, step.messages);
  return chat.feedback(chat.conversation, step.on ?? chat.lastReply, step.feedback);
}

async function run(step) {
  if ("conversation" in step) chat.conversation = step.conversation;
  const pieces = [];
  let answer, error;
  try {
    if ("send" in step) await send(step, pieces);
    else if (!("conversation" in step)) answer = await call(step);
  } catch (e) {
    error = { name: e.name, message: e.message, ...e };
  }
  return { pieces, answer, error, conversation: chat.conversation, lastReply: chat.lastReply };
}

const results = [];
for (const step of steps) results.push(await run(step));
console.log(JSON.stringify(results));

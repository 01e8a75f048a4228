// Chats with chatproxy.js, one step after another with the same ChatProxy.
// Input: {url, headers, steps}. Each step is one of
//   {send: text, stopAfter: pieces, leave: true}  stops, or leaves the loop, where stopAfter says
//   {send: text, meanwhile: text}                 sends the second when the first has begun
//   {retry: {id, message}, stopAfter: pieces, leave: true}  of the latest message by default
//   {resume: true}                                the reply that goes on without a page
//   {id: name}                                    goes on with the chat of another page
//   {conversation: ticket or null}                goes on with another one, or begins anew
//   {history: {limit, cursor}}
//   {messages: {limit, cursor}, of: ticket}       of the current conversation by default
//   {find: true}
//   {watch: ticket, after: ticket}                all messages of a person, and the waits of 5 and 7 s
//   {feedback: value, on: ticket}                 on the latest reply by default
// Output: for each step {pieces, tools, response, error: {name, message, code, status, retryAfter}, id, conversation, reply}.
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

function replyTo({ send: text, retry, resume }) {
  if (resume) return chat.resume();
  return text === undefined ? chat.retry(retry ?? undefined) : chat.send(text);
}

async function receive(command, pieces) {
  const { stopAfter, leave, meanwhile } = command;
  for await (const piece of replyTo(command)) {
    pieces.push(piece);
    if (meanwhile) await receive({ send: meanwhile }, pieces);
    if (pieces.length !== stopAfter) continue;
    if (leave) break;
    chat.stop();
  }
}

async function watch({ watch: ticket, after }) {
  const [messages, waits, { setTimeout }] = [[], [], globalThis];
  globalThis.setTimeout = (f, wait, ...more) => {
    if (wait !== 5000 && wait !== 7000) return setTimeout(f, wait, ...more); // of Node itself
    waits.push(wait);
    return setTimeout(f, 10);
  };
  for await (const batch of chat.watch(ticket, after)) messages.push(...batch);
  globalThis.setTimeout = setTimeout;
  return { messages, waits };
}

async function call(command) {
  if ("history" in command) return chat.history(command.history);
  if ("messages" in command) return chat.messages(command.of ?? chat.conversation, command.messages);
  if ("find" in command) return { conversation: await chat.find() };
  if ("watch" in command) return watch(command);
  return chat.feedback(chat.conversation, command.on ?? chat.reply.message, command.feedback);
}

async function run(command) {
  if ("id" in command) chat.id = command.id;
  if ("conversation" in command) chat.conversation = command.conversation;
  const [pieces, tools] = [[], []];
  chat.onTool = (label) => tools.push(label);
  let response, error;
  try {
    if ("send" in command || "retry" in command || "resume" in command) await receive(command, pieces);
    else if (!("conversation" in command || "id" in command)) response = await call(command);
  } catch (e) {
    error = { name: e.name, message: e.message, ...e };
  }
  return { pieces, tools, response, error, id: chat.id, conversation: chat.conversation, reply: chat.reply };
}

const results = [];
for (const command of steps) results.push(await run(command));
console.log(JSON.stringify(results));

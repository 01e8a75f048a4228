// Chats with the AI SDK as useChat does: with AbstractChat, the class that useChat
// wraps, and with DefaultChatTransport.
// Input: {sdk, url, headers, messages, turns: [text], then}, where sdk is a
// name in package.json, messages are there before the first turn, and then is
// what comes after the last one: regenerate, resume, edit or file.
// Output: {messages: [{role, text, metadata}], status, error, lastBodyBytes}.
import { json } from "node:stream/consumers";

const { sdk, url, headers, messages = [], turns = [], then } = await json(process.stdin);
const { AbstractChat, DefaultChatTransport } = await import(sdk);

class State {
  messages = messages;
  status = "ready";
  error = undefined;
  pushMessage(message) { this.messages = [...this.messages, message]; }
  popMessage() { this.messages = this.messages.slice(0, -1); }
  replaceMessage(index, message) { this.messages = this.messages.with(index, this.snapshot(message)); }
  snapshot(value) { return structuredClone(value); }
}

// AbstractChat is to be extended with a state of one's own.
class Chat extends AbstractChat {}

let lastBodyBytes = 0;
const transport = new DefaultChatTransport({
  api: url,
  headers,
  fetch: (input, init) => {
    lastBodyBytes = Buffer.byteLength(init.body ?? "");
    return fetch(input, init);
  },
});

const chat = new Chat({ transport, state: new State() });

const last = {
  regenerate: () => chat.regenerate(),
  resume: () => chat.resumeStream(),
  edit: () => chat.sendMessage({ text: "No, this", messageId: chat.messages.find(({ role }) => role === "user").id }),
  file: () => chat.sendMessage({ text: "See this", files: [{ type: "file", mediaType: "text/plain", url: "data:text/plain,this" }] }),
};

for (const text of turns) await chat.sendMessage({ text });
if (then) await last[then]();

const textOf = ({ parts }) => parts.filter(({ type }) => type === "text").map(({ text }) => text).join("");
console.log(JSON.stringify({
  messages: chat.messages.map((message) => ({ role: message.role, text: textOf(message), metadata: message.metadata })),
  status: chat.status,
  error: chat.error?.message,
  lastBodyBytes,
}));

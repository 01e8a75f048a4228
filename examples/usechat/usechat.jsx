// A chat with useChat of the AI SDK: in a page the hook, in Node the class behind it.
// A test runs one action after the other, and gets the state of the chat after each.
import "./strict.js"; // before the AI SDK
import { Chat, useChat } from "@ai-sdk/react";
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithToolCalls } from "ai";
import { useState } from "react";
import { createRoot } from "react-dom/client";

// The bodies of a request. The default one has all messages.
const last = (messages) => messages.at(-1);
const ticketOf = (messages) => messages.findLast(({ metadata }) => metadata?.conversation)?.metadata.conversation;
const bodies = {
  last: ({ id, messages, trigger, messageId }) => ({
    body: { id, messages: [last(messages)], conversation: ticketOf(messages), trigger, messageId },
  }),
  message: ({ id, messages, trigger, messageId }) => ({ body: { id, message: messages.at(-1), conversation: ticketOf(messages), trigger, messageId } }),
  id: ({ id, messages, trigger, messageId }) => ({ body: { id, message: messages.at(-1), trigger, messageId } }),
  // Without the chat's id and the trigger, as many pages have it.
  "last, ticket": ({ messages }) => ({ body: { messages: [last(messages)], conversation: ticketOf(messages) } }),
  "message, ticket": ({ messages }) => ({ body: { message: last(messages), conversation: ticketOf(messages) } }),
};

function stopOf({ id, stop }) {
  const stopReply = () => { stop(); return fetch("/chat/stop", { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ chat: id }) }); };
  return stopReply();
}

async function openConversation(conversation) {
  const { messages } = await new ChatProxy("/chat").messages(conversation);
  return { id: crypto.randomUUID(), messages }; // two options of useChat
}

const thumb = ({ metadata }, feedback) => new ChatProxy("/chat").feedback(metadata.conversation, metadata.message, feedback);

function failureOf(error) {
  let code = "reply_failed", sentence = error.message;
  try { ({ code, message: sentence } = JSON.parse(error.message).error); } catch {}
  return { name: error.name, code, sentence };
}

// start returns the function that runs an action. chat returns the present helpers.
function start(chat) {
  let running = Promise.resolve();
  const actions = {
    send: (text) => chat().sendMessage({ text }),
    again: (messageId) => chat().sendMessage({ text: textOf(messageOf(messageId)), messageId }),
    edit: ({ messageId, text }) => chat().sendMessage({ text, messageId }),
    file: () => chat().sendMessage({ text: "See", files: [{ type: "file", mediaType: "text/plain", url: "data:text/plain,this" }] }),
    resubmit: () => chat().sendMessage(),
    regenerate: (messageId) => chat().regenerate({ messageId }),
    stop: () => stopOf(chat()),
    disconnect: () => chat().stop(),
    resume: () => chat().resumeStream(),
    result: ({ method, ...result }) => chat()[method](result), // of a tool of the page
    open: async (conversation) => reopen(await openConversation(conversation)), // in a page alone, as the next
    thumb: (feedback) => thumb(last(chat().messages), feedback),
    wait: () => running,
  };
  const messageOf = (id) => chat().messages.find((message) => message.id === id);
  return async ({ action, argument, begin }) => {
    const done = actions[action]?.(argument);
    if (begin) running = done;
    else await done;
    await new Promise((resolve) => setTimeout(resolve, 10)); // React has drawn it
    const { id, messages, status, error } = chat();
    return {
      id, status, error: error && failureOf(error),
      messages: messages.map(({ id, role, parts, metadata }) => ({
        id, role, text: textOf({ parts }), metadata, labels: labelsOf({ parts }),
        tools: parts.filter(({ type }) => type.startsWith("tool-")).map(({ type, toolCallId, state, input }) => ({ type, toolCallId, state, input })),
      })),
    };
  };
}

const textOf = ({ parts }) => parts.map(({ type, text }) => (type === "text" ? text : "")).join("");

const labelsOf = ({ parts }) => parts.filter(({ type }) => type === "data-tool").map(({ data }) => data.label);

const options = (body, chat) => ({
  ...(body === "all" || body === "resume"
    ? { transport: new DefaultChatTransport({ api: "/chat/ai-sdk" }) }
    : { transport: new DefaultChatTransport({ api: "/chat/ai-sdk", prepareSendMessagesRequest: bodies[body] }) }),
  ...(body === "resume" && { id: "the-chat", resume: true }), // the same chat in the next page
  sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
  onToolCall: ({ toolCall: { toolName: tool, toolCallId, input } }) => {
    if (tool === "echo") chat().addToolOutput({ tool, toolCallId, output: input });
  },
});

// startInNode is for the class, whose state is not React's.
export function startInNode({ body }) {
  const chat = new Chat(options(body, () => chat));
  return start(() => chat);
}

let helpers, reopen;

function Page({ body }) {
  const [past, setPast] = useState({});
  reopen = setPast;
  helpers = useChat({ ...options(body, () => helpers), ...past });
  return (
    <ol>
      {helpers.messages.map((message) => (
        <li key={message.id} className={message.role}>{labelsOf(message).map((label) => <em key={label}>{label}</em>)}{textOf(message)}</li>
      ))}
    </ol>
  );
}

const place = globalThis.document?.getElementById("chat");
if (place) {
  createRoot(place).render(<Page {...place.dataset} />);
  globalThis.run = start(() => helpers);
}

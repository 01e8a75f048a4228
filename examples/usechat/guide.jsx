import "./strict.js"; // before the AI SDK
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, generateId } from "ai";
import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

const server = new ChatProxy("/chat");
const ticketOf = (messages) => messages.findLast(({ metadata }) => metadata?.conversation)?.metadata.conversation;
const transport = new DefaultChatTransport({
  api: "/chat/ai-sdk",
  prepareSendMessagesRequest: ({ id, messages, trigger, messageId }) =>
    ({ body: { id, message: messages.at(-1), conversation: ticketOf(messages), trigger, messageId } }),
});

const newChat = () => ({ id: generateId(), messages: [] }); // two options of useChat
const noHistory = { conversations: [] }; // the cursor is undefined until a page is loaded

// openConversation loads all messages, from the newest page to the oldest.
async function openConversation(conversation) {
  const messages = [];
  for (let cursor; cursor !== null;) {
    const page = await server.messages(conversation, { limit: 100, cursor });
    messages.unshift(...page.messages);
    cursor = page.cursor;
  }
  return { ...newChat(), messages };
}

function failureOf(error) {
  let code = "reply_failed", message = error.message;
  if (error instanceof TypeError) message = "The site cannot be reached. Please try again."; // an error of fetch
  try { ({ code, message } = JSON.parse(error.message).error); } catch {}
  return { code, message, hasEnded: code === "conversation_ended" };
}

// isOfAnother reports whether an error may mean that the page shows the chat of a visitor who has signed out.
function isOfAnother(error) { return ["sign_in_required", "conversation_not_found"].includes(error?.code); }
const signedOut = { code: "sign_in_required", message: "Another customer is signed in. Please load the page again." };

function Chat({ past, report }) {
  const { id, messages, setMessages, sendMessage, regenerate, stop, status, error } = useChat({ ...past, transport });
  const [text, setText] = useState("");
  const isRunning = status === "submitted" || status === "streaming";
  const newest = messages.at(-1)?.parts.at(-1);
  const failure = error && failureOf(error);
  useEffect(() => {
    if (failure?.hasEnded) setMessages([]);
    if (isOfAnother(failure)) report(failure);
  }, [error]);

  function send(event) {
    event.preventDefault();
    if (isRunning || text.trim() === "") return;
    report(null);
    sendMessage({ text });
    setText("");
  }
  async function stopReply() {
    const headers = { "Content-Type": "application/json" }, body = JSON.stringify({ chat: id });
    const signal = AbortSignal.timeout(3000); // so that a visitor can sign out in any case
    stop();
    await fetch("/chat/stop", { method: "POST", keepalive: true, signal, headers, body }).catch(() => {});
  }
  async function signOut(event) {
    const form = event.currentTarget;
    event.preventDefault();
    await stopReply();
    form.submit();
  }
  async function rate({ id, metadata }, feedback) {
    await server.feedback(metadata.conversation, metadata.message, feedback);
    report(null);
    setMessages((all) => all.map((m) => (m.id === id ? { ...m, metadata: { ...metadata, feedback } } : m)));
  }

  return <>
    {messages.map((message) => <div key={message.id} className={message.role}>
      {message.parts.map((part, i) => part.type === "text" && <p key={i}>{part.text}</p>)}
      {message.role === "assistant" && message.metadata?.message && ["positive", "negative"].map((feedback) =>
        <button key={feedback} aria-pressed={message.metadata.feedback === feedback}
          onClick={() => rate(message, feedback).catch(report)}>{feedback === "positive" ? "Good" : "Bad"}</button>)}
    </div>)}
    {isRunning && newest?.type === "data-tool" && <p role="status">{newest.data.label}</p>}
    {failure && <p role="alert">
      {failure.message} {!failure.hasEnded && <button onClick={() => regenerate()}>Try again</button>}
    </p>}
    <form onSubmit={send}>
      <input aria-label="Message" value={text} onChange={({ target }) => setText(target.value)} />
      {isRunning
        ? <button key="stop" type="button" onClick={stopReply}>Stop</button>
        : <button key="send">Send</button>}
    </form>
    <form action="/sign-out" method="post" onSubmit={signOut}><button>Sign out</button></form>
  </>;
}

function App() {
  const [past, setPast] = useState(newChat);
  const [{ conversations, cursor }, setHistory] = useState(noHistory);
  const [problem, setProblem] = useState("");
  const choice = useRef(); // the chat that the visitor has chosen last
  async function open(chat) { // or a promise of one
    choice.current = chat;
    const past = await chat;
    if (choice.current !== chat) return; // the visitor has chosen another one in the meantime
    setPast(past);
    setProblem("");
  }
  function report(error) { // of ChatProxy, or a failure of useChat; null for none
    if (isOfAnother(error)) {
      choice.current = null;
      setPast(newChat);
      setHistory(noHistory);
    }
    setProblem(error?.message ?? "");
  }
  async function loadHistory(cursor) { // the newest 20 conversations, or the 20 before the cursor
    const page = await server.history({ cursor });
    setHistory((shown) => {
      const before = cursor ? shown.conversations : [];
      return { conversations: [...before, ...page.conversations], cursor: page.cursor };
    });
  }
  function beginChat() {
    open(newChat());
    if (cursor !== undefined) loadHistory().catch(report); // it lists the chat that was open
  }
  function loadEarlier() {
    const isCursorOfAnother = (error) => cursor && error.code === "invalid_request";
    loadHistory(cursor).then(() => report(null), (error) => report(isCursorOfAnother(error) ? signedOut : error));
  }

  return <>
    <button onClick={beginChat}>New chat</button>
    {conversations.map(({ conversation, title }) => <button key={conversation}
      onClick={() => open(openConversation(conversation)).catch(report)}>{title ?? "Untitled"}</button>)}
    {cursor !== null && <button onClick={loadEarlier}>Earlier conversations</button>}
    {problem && <p role="alert">{problem}</p>}
    <Chat key={past.id} past={past} report={report} />
  </>;
}

createRoot(document.getElementById("chat")).render(<App />);

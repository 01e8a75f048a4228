// The shop's chat, built with React and the AI SDK's useChat.
import "./strict.js"; // before the AI SDK
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

function Chat({ api }) {
  const [text, setText] = useState("");
  const [stopped, setStopped] = useState(false);
  const { id, messages, status, error, sendMessage, regenerate, setMessages, stop } = useChat({
    transport: new DefaultChatTransport({ api: `${api}/ai-sdk` }),
    onFinish: ({ isAbort }) => setStopped(isAbort),
  });
  const input = useRef();
  const isRunning = status === "submitted" || status === "streaming";
  const failure = error && failureOf(error);
  const mustBeginAnew = ["conversation_not_found", "conversation_ended"].includes(failure?.code);

  useEffect(() => {
    if (!mustBeginAnew) return;
    setText((typed) => typed || textOf(messages.findLast(({ role }) => role === "user"))); // so that it can be sent again
    setMessages([]);
  }, [error]);
  useEffect(() => window.addEventListener("signedinelsewhere", stop), []);

  // Closing the connection does not stop the reply: the server reads on.
  function stopReply() {
    stop();
    fetch(`${api}/stop`, {
      method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ chat: id }),
    }).catch(() => {});
  }

  // again requests another reply to the last message, and sends the message if it never arrived.
  function again() {
    input.current.focus();
    setStopped(false);
    regenerate();
  }

  function ask(event) {
    event.preventDefault();
    input.current.focus();
    if (isRunning || text.trim() === "") return;
    setText("");
    sendMessage({ text: text.trim() });
  }

  return (
    <>
      <div className="follow">
        <ol id="log" role="log" aria-label="Messages" aria-busy={isRunning}>
          {messages.filter((message) => isRunning || textOf(message) !== "").map((message) => (
            <Message key={message.id} role={message.role} text={textOf(message)} label={isRunning && message === messages.at(-1) && labelOf(message)} />
          ))}
          {status === "submitted" && <Message role="assistant" text="" />}
          {stopped && !isRunning && (
            <li className="message">
              <p className="quiet">This reply was stopped.</p>
            </li>
          )}
          {failure && (
            <li className="message error">
              <p role="alert">{failure.message}</p>
              {failure.code === "sign_in_required" && <a className="button" href="/login?next=/usechat">Sign in</a>}
              {!mustBeginAnew && <button type="button" onClick={again}>Try again</button>}
            </li>
          )}
          {status === "ready" && messages.at(-1)?.role === "assistant" && (
            <li className="message"><button type="button" id="again" onClick={again}>Another reply</button></li>
          )}
        </ol>
      </div>
      <form id="ask" onSubmit={ask} onKeyDown={({ key }) => key === "Escape" && isRunning && stopReply()}>
        <fieldset>
          <label htmlFor="text">Message</label>
          <input id="text" ref={input} value={text} onChange={({ target }) => setText(target.value)}
            maxLength="4000" autoComplete="off" placeholder="Enter sends, Escape stops" />
          {isRunning
            ? <button key="stop" id="stop" type="button" onClick={() => { stopReply(); input.current.focus(); }}>Stop</button>
            : <button key="send" id="send" className="primary">Send</button>}
        </fieldset>
      </form>
    </>
  );
}

function Message({ role, text, label }) {
  return (
    <li className={`message ${role}`}>
      <span className="role">{role === "user" ? "You" : "Assistant"}</span>
      <p className="text">{text}</p>
      {label && <p className="quiet">{label} ...</p>}
    </li>
  );
}

const textOf = ({ parts }) => parts.map(({ type, text }) => (type === "text" ? text : "")).join("");

// labelOf returns the label of the tool that the shop runs for the reply now: then it is the last part.
const labelOf = ({ parts }) => (parts.at(-1)?.type === "data-tool" ? parts.at(-1).data.label : "");

// failureOf converts an error of useChat. Its message is the JSON of a rejected request or a
// sentence about the reply.
function failureOf(error) {
  if (error instanceof TypeError) return { message: "The shop cannot be reached. Please try again." }; // fetch's
  try {
    const { code, message } = JSON.parse(error.message).error;
    return { code, message };
  } catch {
    return { message: error.message };
  }
}

const place = document.getElementById("usechat");
createRoot(place).render(<Chat api={place.dataset.api} />);

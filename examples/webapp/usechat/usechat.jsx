// The shop's chat once more, made with React and useChat of the AI SDK.
import "./strict.js"; // before the AI SDK
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

function Chat({ api }) {
  const [text, setText] = useState("");
  const [stopped, setStopped] = useState(false);
  const { messages, status, error, sendMessage, setMessages, stop } = useChat({
    transport: new DefaultChatTransport({ api }),
    onFinish: ({ isAbort }) => setStopped(isAbort),
  });
  const input = useRef();
  const isRunning = status === "submitted" || status === "streaming";
  const failure = error && failureOf(error);
  const hasTicket = messages.some(({ metadata }) => metadata?.conversation); // which comes with the end of a first reply

  useEffect(() => {
    if (!failure) return;
    const last = messages.findLast((message) => textOf(message) !== "");
    if (last?.role === "user") setText((typed) => typed || textOf(last)); // for another try
    if (["conversation_not_found", "conversation_ended"].includes(failure.code)) setMessages([]); // begin anew
  }, [error]);
  useEffect(() => window.addEventListener("signedinelsewhere", stop), []);

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
            <Message key={message.id} role={message.role} text={textOf(message)} />
          ))}
          {status === "submitted" && <Message role="assistant" text="" />}
          {stopped && !isRunning && (
            <li className="message">
              <p className="quiet">This reply was stopped. {!hasTicket && "What you say next begins a new conversation."}</p>
            </li>
          )}
          {failure && (
            <li className="message error">
              <p role="alert">{failure.message}</p>
              {failure.code === "sign_in_required" && <a className="button" href="/login?next=/usechat">Sign in</a>}
            </li>
          )}
        </ol>
      </div>
      <form id="ask" onSubmit={ask} onKeyDown={({ key }) => key === "Escape" && stop()}>
        <fieldset>
          <label htmlFor="text">Message</label>
          <input id="text" ref={input} value={text} onChange={({ target }) => setText(target.value)}
            maxLength="4000" autoComplete="off" placeholder="Enter sends, Escape stops the reply" />
          {isRunning
            ? <button key="stop" id="stop" type="button" onClick={() => { stop(); input.current.focus(); }}>Stop</button>
            : <button key="send" id="send" className="primary">Send</button>}
        </fieldset>
      </form>
    </>
  );
}

function Message({ role, text }) {
  return (
    <li className={`message ${role}`}>
      <span className="role">{role === "user" ? "You" : "Assistant"}</span>
      <p className="text">{text}</p>
    </li>
  );
}

const textOf = ({ parts }) => parts.map(({ type, text }) => (type === "text" ? text : "")).join("");

// failureOf reads an error of useChat. Its text is the JSON of a request that was
// refused, or a sentence about the reply.
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

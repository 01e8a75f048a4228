// The browser's side of the Go package chatproxy, whose comment specifies the wire form. With
// data-prefix in its script tag it draws a chat after the tag. Without, it gives the page a class:
//   const chat = new ChatProxy("/chat");
//   for await (const piece of chat.send("Hello")) output.append(piece);
(() => {
  const unavailable = { code: "unavailable", message: "The chat is not available at the moment." };
  const failure = (code, message, status, retryAfter) => // the message is for the visitor, the rest for you
    Object.assign(new Error(message), { name: "ChatProxyError", code, status, retryAfter });

  const ChatProxy = globalThis.ChatProxy = class ChatProxy {
    conversation = null; // the ticket: assign an older one to continue that, null to begin anew
    lastReply = null; // the ticket of the latest reply, for feedback
    #running;
    constructor(prefix) { this.prefix = prefix.replace(/\/$/, ""); }
    stop() { this.#running?.abort(); } // ends the loop over send, without an error
    async *send(text) { // the reply in pieces: leaving the loop stops it, and so does sending again
      this.stop();
      const running = this.#running = new AbortController();
      try {
        const body = { message: text, conversation: this.conversation };
        const stream = await this.#call("POST", "/messages", body, running.signal);
        for await (const { type, conversation, ...frame } of framesOf(stream)) {
          if (running.signal.aborted) return; // although more has come
          if (type === "text-delta") yield frame.text;
          if (/^(start|finish|error)$/.test(type)) this.conversation = conversation ?? this.conversation;
          if (type === "start" || type === "finish") this.lastReply = frame.message ?? null;
          if (type === "error") throw failure(frame.code, frame.message);
        }
      } catch (error) {
        if (running.signal.aborted) return;
        if (/^conversation_(not_found|ended)$/.test(error.code)) this.conversation = null;
        throw error;
      } finally { running.abort(); }
    }
    history(page) { return this.#call("GET", "/conversations" + query(page)); } // page: { limit, cursor }
    messages(conversation, page) { return this.#call("GET", at(conversation) + query(page)); }
    feedback(conversation, message, feedback) { // "positive", "negative" or null
      return this.#call("PATCH", `${at(conversation)}/${encodeURIComponent(message)}/feedback`, { feedback });
    }
    async #call(method, path, body, signal) { // gives a stream where there is a signal, else an object
      const json = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      const request = { method, signal, cache: "no-store", credentials: "same-origin", ...json };
      const response = await fetch(new URL(this.prefix + path, globalThis.origin), request) // whatever <base> says
        .catch(() => { throw failure("offline", "The site cannot be reached. Please try again."); });
      if (signal && /^text\/event-stream/.test(response.headers.get("Content-Type"))) return response.body;
      const answer = await response.json().catch(() => null); // null for a login page, say
      if (answer?.version === 1 && response.ok) return answer;
      const { code, message } = (answer?.version === 1 && answer.error) || unavailable;
      throw failure(code, message, response.status, Number(response.headers.get("Retry-After")) || undefined);
    }
  };
  const at = (conversation) => `/conversations/${encodeURIComponent(conversation)}/messages`;
  const query = ({ limit = "", cursor } = {}) => `?${new URLSearchParams({ limit, cursor: cursor ?? "" })}`;
  async function* framesOf(stream) { // an event ends in a blank line, a line in LF, CRLF or CR
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { done, value } = await reader.read().catch(() => ({ done: true }));
      if (done) throw failure("reply_cut", "The reply was cut short. Please try again.");
      const events = (rest + value).split(/(?:\r\n|\r(?!\n)|\n){2}/);
      rest = events.pop();
      for (const event of events) {
        const lines = event.split(/[\r\n]+/).filter((line) => line.startsWith("data:"));
        const data = lines.map((line) => line.slice(5)).join("\n").trim();
        if (data === "[DONE]") return;
        if (data !== "") yield JSON.parse(data);
      }
    }
  }

  const page = globalThis.document; // read by its prototype: <img name="currentScript"> would hide the property
  const tag = page && Reflect.get(Document.prototype, "currentScript", page);
  if (!page || !(tag instanceof HTMLScriptElement) || tag.dataset.prefix === undefined) return;
  const chat = new ChatProxy(tag.dataset.prefix);
  const add = (to, name, more) => to.appendChild(Object.assign(Document.prototype.createElement.call(page, name), more));
  const form = add(new DocumentFragment(), "form", { className: "chatproxy", autocomplete: "off" });
  const log = add(form, "div", { className: "chatproxy-log", role: "log" }); // which is polite by itself
  log.style.whiteSpace = "pre-wrap"; // replies have paragraphs
  const input = add(add(form, "label", { textContent: "Message " }), "input", { maxLength: 4000 });
  const button = add(form, "button", { textContent: "Send" });
  const say = (kind, text) => add(log, "p", { className: `chatproxy-${kind}`, textContent: text });
  tag.closest("head") ? tag.closest("html").querySelector("body").append(form) : tag.after(form);
  button.addEventListener("click", ({ detail }) => detail < 2 && chat.stop()); // 2: a double click on Send
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "" || button.type === "button") return; // while it is Stop
    say("user", `You: ${text}`);
    input.value = "";
    Object.assign(button, { type: "button", textContent: "Stop" });
    let reply;
    try {
      for await (const piece of chat.send(text)) (reply ??= say("assistant", "Assistant: ")).append(piece);
    } catch (error) {
      say("error", error.message);
      if (!reply) input.value ||= text; // for another try
    }
    Object.assign(button, { type: "submit", textContent: "Send" });
  });
})();

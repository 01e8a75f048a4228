// The browser's side of the Go package chatproxy; docs/wire.md specifies the wire form. With
// data-prefix in its script tag it draws a chat after the tag. Without, it gives the page a class:
//   const chat = new ChatProxy("/chat");
//   for await (const piece of chat.send("Hello")) output.append(piece);
(() => {
  const unavailable = { code: "unavailable", message: "The chat is not available at the moment." };
  const failure = ({ code, message, ...more }) => Object.assign(new Error(message), { name: "ChatProxyError", code, ...more });
  const random = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("");
  const ChatProxy = globalThis.ChatProxy = class ChatProxy {
    id = random(); // names the chat: with it and its conversation, another page continues the chat
    reply = {}; // the newest frame of the latest reply: its tickets message, userMessage and poll, its finishReason
    onTool = () => {}; // assign a function: it gets the label of the site's tool that runs, and null after it
    #conversation = null;
    #sent; // the latest message
    #running; // the latest reply
    #stopping;
    constructor(prefix) {
      if (typeof prefix !== "string") throw new TypeError('ChatProxy needs the path of the handler, as in new ChatProxy("/chat")');
      this.prefix = prefix.replace(/\/$/, "");
    }
    get conversation() { return this.#conversation; } // the ticket: assign an older one to continue that,
    set conversation(ticket) { [this.#conversation, this.id] = [ticket, random()]; } // null to begin anew
    send(text) { return this.#receive("/messages", { id: random(), message: text }); } // the reply in pieces
    retry(message = this.#sent ?? {}) { return this.#receive("/retry", message); } // another reply, or the first
    resume() { return this.#receive("/reply" + query({ chat: this.id })); } // one that goes on without a page, or none
    async stop() { // ends the loop over a reply, without an error; leaving the loop does so too, and sending again
      if (!this.#running) return this.#stopping;
      this.#running.abort();
      this.#running = null;
      return this.#stopping = this.#call("POST", "/stop", { chat: this.id }).catch(() => {});
    }
    async *#receive(path, message) {
      do await this.stop(); while (this.#running); // by another call, while this one waited
      const running = this.#running = new AbortController();
      [this.#sent, this.reply] = [message ?? this.#sent, {}];
      let ended = false, text = "", label = null; // the latest piece, and what runs
      try {
        const body = message && { ...message, chat: this.id, conversation: this.#conversation };
        const stream = await this.#call(body ? "POST" : "GET", path, body, running.signal);
        for await (const { type, ...frame } of stream ? framesOf(stream) : []) {
          if (running.signal.aborted) return; // although more has come
          if (type === "data-tool") this.onTool(label = frame.data.label);
          else if (label !== null) this.onTool(label = null);
          if (type === "start-step" && text) yield "\n\n"; // after a tool: another message of the history
          if (type === "text-delta") yield (text = frame.text);
          if (!/^(start|finish|error)$/.test(type)) continue;
          this.reply = type === "error" ? { ...frame, message: undefined } : frame; // which is a sentence there
          this.#conversation = frame.conversation ?? this.#conversation;
          if (type === "error") throw failure(frame);
        }
        ended = true;
      } catch (error) {
        if (running.signal.aborted) return;
        ended = true;
        if (/^conversation_(not_found|ended)$/.test(error.code)) this.#conversation = null;
        throw error;
      } finally {
        if (label !== null) this.onTool(null);
        if (this.#running === running && !ended) this.stop();
        if (this.#running === running) this.#running = null;
        running.abort(); // what may come after the end
      }
    }
    history(page) { return this.#call("GET", "/conversations" + query(page)); } // page: { limit, cursor }
    async find() { // sets and returns the ticket, which a first reply that was stopped has not brought
      const [chat, { conversation }] = [this.id, await this.#call("GET", "/conversation" + query({ chat: this.id }))];
      if (chat === this.id) this.#conversation ??= conversation;
      return this.#conversation;
    }
    messages(conversation, page) { return this.#call("GET", at(conversation, "messages") + query(page)); }
    async *watch(ticket, after) { // what a person writes, in batches, until the assistant has the conversation again
      for (let retryAfter; ticket;) {
        const wait = retryAfter ?? (globalThis.document?.hidden ? 30 : 5);
        await new Promise((resolve) => setTimeout(resolve, wait * 1000));
        let messages = [];
        try {
          const page = await this.#call("GET", at(ticket, "poll") + query({ after }));
          [messages, ticket, retryAfter] = [page.messages, page.poll];
          after = messages.at(-1)?.id ?? after;
        } catch (error) {
          if (error.status < 429) return;
          ({ retryAfter } = error);
        }
        yield messages;
      }
    }
    feedback(conversation, message, feedback) { // "positive", "negative" or null
      return this.#call("PATCH", `${at(conversation, "messages")}/${encodeURIComponent(message)}/feedback`, { feedback });
    }
    async #call(method, path, body, signal) { // gives a stream where there is a signal, else an object
      const json = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      const request = { method, signal, cache: "no-store", credentials: "same-origin", ...json };
      const response = await fetch(new URL(this.prefix + path, globalThis.origin), request) // whatever <base> says
        .catch(() => { throw failure({ code: "offline", message: "The site cannot be reached. Please try again." }); });
      const { status, headers } = response;
      if (signal && (status === 204 || /^text\/event-stream/.test(headers.get("Content-Type")))) return response.body;
      const content = await response.json().catch(() => null); // null for a login page, say
      if (content?.version === 1 && response.ok) return content;
      const error = (content?.version === 1 && content.error) || unavailable;
      throw failure({ ...error, status, retryAfter: Number(headers.get("Retry-After")) || undefined });
    }
  };
  const at = (ticket, what) => `/conversations/${encodeURIComponent(ticket)}/${what}`;
  const query = (page = {}) => `?${new URLSearchParams(Object.entries(page).filter(([, value]) => value != null))}`;
  async function* framesOf(stream) { // an event ends in a blank line, a line in LF, CRLF or CR
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { done, value } = await reader.read().catch(() => ({ done: true }));
      if (done) throw failure({ code: "reply_cut", message: "The reply was cut short. Please try again." });
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
  const key = `chatproxy ${chat.prefix}`;
  const stored = (use) => { try { return use(globalThis.sessionStorage); } catch {} }; // the browser may forbid it
  const keep = () => stored((storage) => storage.setItem(key, JSON.stringify([chat.conversation, chat.id])));
  const add = (to, name, more) => to.appendChild(Object.assign(Document.prototype.createElement.call(page, name), more));
  const form = add(new DocumentFragment(), "form", { className: "chatproxy", autocomplete: "off" });
  const log = add(form, "div", { className: "chatproxy-log", role: "log", style: "white-space: pre-wrap" });
  const tool = add(form, "p", { className: "chatproxy-tool", role: "status" });
  chat.onTool = (label) => { tool.textContent = label; };
  const input = add(add(form, "label", { textContent: "Message " }), "input", { maxLength: 4000 });
  const button = add(form, "button", { textContent: "Send" });
  const show = (kind, text) => add(log, "p", { className: `chatproxy-${kind}`, textContent: text });
  const names = { user: "You: ", assistant: "Assistant: " };
  const drawn = new Set(); // the tickets of messages
  const draw = (messages) => {
    for (const { id, role, parts } of messages) {
      if (!drawn.has(id)) show(role, names[role] + parts.map(({ text }) => text ?? "").join(""));
      drawn.add(id);
    }
  };
  async function receive(reply, text) {
    keep();
    Object.assign(button, { type: "button", textContent: "Stop" });
    let line, error;
    try {
      for await (const piece of reply) (line ??= show("assistant", names.assistant)).append(piece);
    } catch (e) { fail(error = e, text, line); }
    for (const ticket of [chat.reply.userMessage, chat.reply.message]) drawn.add(ticket);
    keep();
    Object.assign(button, { type: "submit", textContent: "Send" });
    watch(error?.poll ?? chat.reply.poll, chat.reply.userMessage);
  }
  function fail(error, text, line) {
    const note = show("error", error.message);
    if (error.status < 500) return void (input.value ||= text); // it was not taken: for another try
    note.append(" ");
    add(note, "button", { type: "button", textContent: "Try again" }).addEventListener("click", () => {
      if (button.type === "button") return;
      note.remove();
      line?.remove();
      receive(chat.retry(), text);
    });
  }
  let watched = false;
  async function watch(ticket, after) {
    if (watched) return;
    watched = true;
    for await (const messages of chat.watch(ticket, after)) draw(messages.filter(({ role }) => role === "assistant"));
    watched = false;
  }
  async function restore([conversation, id]) { // the chat of the page before
    button.disabled = true;
    Object.assign(chat, { conversation, id });
    try {
      if (!(conversation ?? await chat.find())) return;
      const { messages, poll } = await chat.messages(chat.conversation);
      draw(messages);
      watch(poll, messages.at(-1)?.id);
    } catch (error) {
      if (error.code === "conversation_not_found") chat.conversation = null; // another visitor's
    } finally { button.disabled = false; }
  }
  tag.closest("head") ? tag.closest("html").querySelector("body").append(form) : tag.after(form);
  const last = stored((storage) => JSON.parse(storage.getItem(key)));
  if (last) restore(last);
  button.addEventListener("click", ({ detail }) => detail < 2 && chat.stop()); // 2: a double click on Send
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "" || button.type === "button" || button.disabled) return; // while it is Stop, or the chat is restored
    for (const again of log.querySelectorAll("button")) again.remove(); // which are for the message before
    show("user", names.user + text);
    input.value = "";
    receive(chat.send(text), text);
  });
})();

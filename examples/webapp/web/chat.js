// The shop's own chat on chatproxy.js: one conversation on screen, whose ticket
// stands in the address, and a list of the others.
"use strict";
{
  const $ = (id) => document.getElementById(id);
  const [log, form, input, list] = [$("log"), $("ask"), $("text"), $("history")];
  let shown; // the conversation on screen: each has a ChatProxy of its own

  // ticketIn reads the ticket of a conversation from an address, null for a new one.
  const ticketIn = ({ hash }) => decodeURIComponent(hash.slice(1)) || null;

  async function open(ticket) {
    shown?.stop();
    const chat = (shown = new ChatProxy("/api/chat"));
    chat.conversation = ticket;
    log.replaceChildren();
    running(false);
    mark();
    $("welcome").hidden = ticket !== null;
    if (ticket === null) return;
    try {
      await showPage(chat, ticket);
    } catch (error) {
      if (chat === shown) fail(error);
      if (error.code === "conversation_not_found") settle(chat, null);
    }
  }

  // showPage puts the messages that came before those on screen above them.
  async function showPage(chat, ticket, cursor) {
    const page = await chat.messages(ticket, { cursor });
    if (chat !== shown) return;
    const items = page.messages.map(({ id, role, parts, metadata }) => {
      const item = message(role, parts.map(({ text }) => text).join(""));
      if (role === "assistant") rate(item, ticket, id, metadata.feedback);
      return item;
    });
    if (page.cursor !== null) {
      const earlier = element("button", { type: "button" }, "Earlier messages");
      const place = element("li", { className: "earlier" }, earlier);
      earlier.onclick = () => showPage(chat, ticket, page.cursor).then(() => place.remove(), fail);
      items.unshift(place);
    }
    const first = log.firstElementChild;
    log.prepend(...items);
    if (!first) log.scrollTop = log.scrollHeight;
  }

  const message = (role, text) =>
    element("li", { className: `message ${role}` },
      element("span", { className: "role" }, role === "user" ? "You" : "Assistant"),
      element("p", { className: "text" }, text));

  function rate(item, conversation, id, feedback) {
    const buttons = $("rate").content.cloneNode(true).firstElementChild;
    const show = (value) => {
      for (const b of buttons.children) b.ariaPressed = String(b.value === value);
    };
    show(feedback);
    buttons.onclick = ({ target }) => {
      const button = target.closest("button");
      if (!button) return;
      const value = button.ariaPressed === "true" ? null : button.value;
      shown.feedback(conversation, id, value).then(() => show(value), fail);
    };
    item.append(buttons);
  }

  async function ask(text) {
    const chat = shown;
    const isNew = chat.conversation === null;
    const asked = { text, known: [...list.querySelectorAll("a")].map(ticketIn) };
    if (isNew) sessionStorage.setItem("asked", JSON.stringify(asked)); // for a reload in the middle of the reply
    $("welcome").hidden = true;
    log.append(message("user", text));
    const reply = message("assistant", "");
    const words = reply.lastElementChild;
    log.append(reply);
    running(true);
    let stopped = true;
    try {
      for await (const piece of chat.send(text)) {
        follow(() => words.append(piece));
      }
      stopped = chat.lastReply === null;
    } catch (error) {
      if (chat !== shown) return;
      stopped = false;
      fail(error);
      if (words.textContent === "") {
        reply.remove();
        putBack(text);
      }
    }
    if (chat !== shown) return;
    running(false);
    follow(() => {
      if (stopped) reply.append(element("p", { className: "quiet" }, "This reply was stopped."));
      else if (chat.lastReply) rate(reply, chat.conversation, chat.lastReply, null);
    });
    if (isNew) settle(chat, chat.conversation ?? (await find(chat, asked)));
    refresh();
  }

  // follow keeps the end of the messages in sight, unless the reader has gone up.
  function follow(grow) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    grow();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  // putBack has a text that did not arrive ready for another try.
  function putBack(text) {
    if (input.value.trim() === "") input.value = text;
  }

  // find looks for the conversation of a first reply that did not come to its end,
  // where its ticket would be: only the history has it.
  async function find(chat, { text, known }) {
    try {
      const { conversations } = await chat.history({ limit: 5 });
      for (const { conversation } of conversations) {
        if (known.includes(conversation)) continue;
        const { messages } = await chat.messages(conversation, { limit: 5 });
        if (messages.some(({ role, parts }) => role === "user" && parts.some((p) => p.text === text))) return conversation;
      }
    } catch {} // the next message begins another conversation
    return null;
  }

  // settle gives a new conversation its ticket, and its address.
  function settle(chat, ticket) {
    sessionStorage.removeItem("asked");
    if (chat !== shown) return;
    chat.conversation = ticket;
    history.replaceState(null, "", ticket === null ? location.pathname : `#${encodeURIComponent(ticket)}`);
    mark();
  }

  function fail(error) {
    const item = element("li", { className: "message error" }, element("p", { role: "alert" }, error.message));
    if (error.code === "sign_in_required") item.append(element("a", { className: "button", href: "/login?next=/chat" }, "Sign in"));
    log.append(item);
    log.scrollTop = log.scrollHeight;
  }

  function running(is) {
    $("send").hidden = is;
    $("stop").hidden = !is;
    log.ariaBusy = String(is);
    if (is) log.scrollTop = log.scrollHeight;
  }

  async function refresh(cursor) {
    let page;
    try {
      page = await shown.history({ cursor });
    } catch (error) {
      $("history-state").textContent = error.message;
      return;
    }
    const items = page.conversations.map(({ conversation, title, updatedAt, status }) =>
      element("li", {},
        element("a", { href: `#${encodeURIComponent(conversation)}` }, title ?? `Chat of ${when(updatedAt)}`),
        status === "ongoing" ? "" : element("span", { className: "tag" }, status.replace("_", " "))));
    cursor ? list.append(...items) : list.replaceChildren(...items);
    $("history-state").textContent = list.children.length === 0 ? "None yet." : "";
    $("older").hidden = page.cursor === null;
    $("older").onclick = () => refresh(page.cursor);
    mark();
  }

  const when = (seconds) =>
    seconds === null ? "an unknown day" : new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });

  // mark shows in the list which conversation is on screen.
  function mark() {
    for (const link of list.querySelectorAll("a")) {
      const here = ticketIn(link) === shown.conversation;
      here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    }
  }

  form.onsubmit = (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "" || $("send").hidden) return;
    input.value = "";
    input.focus();
    ask(text);
  };
  form.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target !== input) return;
    event.preventDefault();
    form.requestSubmit();
  };
  $("stop").onclick = () => {
    shown.stop();
    input.focus();
  };
  document.addEventListener("keydown", ({ key }) => key === "Escape" && shown.stop());
  $("new").onclick = () => input.focus();
  $("welcome").onclick = ({ target }) => target.matches("button") && ask(target.textContent);
  window.addEventListener("hashchange", () => open(ticketIn(location)));
  window.addEventListener("focus", () => refresh());
  window.addEventListener("signedinelsewhere", () => {
    shown.stop();
    form.firstElementChild.disabled = true;
  });

  // A first reply that a reload cut off is found again.
  (async () => {
    await open(ticketIn(location));
    refresh();
    const asked = JSON.parse(sessionStorage.getItem("asked"));
    if (ticketIn(location) !== null || asked === null) return;
    const ticket = await find(shown, asked);
    settle(shown, ticket);
    ticket === null ? putBack(asked.text) : open(ticket);
  })();
}

// The shop's own chat on chatproxy.js: one conversation on screen, whose ticket is
// in the address, and a list of the others.
"use strict";
{
  const $ = (id) => document.getElementById(id);
  const [log, form, input, list] = [$("log"), $("ask"), $("text"), $("history")];
  let shown; // the conversation on screen: each has its ChatProxy
  let watched; // the one that a person of the shop has taken over

  // ticketIn reads the ticket of a conversation from an address, null for a new one.
  const ticketIn = ({ hash }) => hash.slice(1) || null;

  async function open(ticket) {
    shown?.stop();
    const chat = (shown = new ChatProxy("/api/chat"));
    chat.conversation = ticket;
    log.replaceChildren();
    running(false);
    mark();
    $("welcome").hidden = ticket !== null;
    if (ticket === null) return;
    busy(true);
    try {
      await showPage(chat, ticket);
    } catch (error) {
      if (chat !== shown) return;
      fail(error);
      if (error.code === "conversation_not_found") settle(chat, (chat.conversation = null));
    }
    if (chat === shown) busy(false);
  }

  // choose opens a conversation that the visitor picked, and stops looking for another.
  function choose(ticket) {
    sessionStorage.removeItem("asked");
    open(ticket);
  }

  // showPage prepends a page of earlier messages, and keeps the scroll position.
  async function showPage(chat, ticket, cursor) {
    const page = await chat.messages(ticket, { cursor });
    if (chat !== shown) return;
    let sent;
    const items = page.messages.map(({ id, role, parts, metadata }) => {
      const text = parts.map(({ text }) => text).join("");
      const item = message(role, text);
      if (role === "user") sent = { id, message: text };
      else rate(item, ticket, id, metadata.feedback, sent);
      return item;
    });
    if (page.cursor !== null) {
      const earlier = element("button", { type: "button" }, "Earlier messages");
      earlier.onclick = () => {
        earlier.disabled = true;
        showPage(chat, ticket, page.cursor).catch((error) => {
          earlier.disabled = false;
          if (chat === shown) fail(error);
        });
      };
      items.unshift(element("div", { className: "earlier" }, earlier));
    }
    const fromEnd = cursor ? log.scrollHeight - log.scrollTop : 0;
    log.querySelector(".earlier")?.remove();
    log.prepend(...items);
    log.scrollTop = log.scrollHeight - fromEnd;
    if (cursor) log.focus({ preventScroll: true }); // in the place of the button
    else watch(chat, page.poll, page.messages.at(-1)?.id);
  }

  const message = (role, text) =>
    element("div", { className: `message ${role}` },
      element("span", { className: "role" }, role === "user" ? "You" : "Assistant"),
      element("p", { className: "text" }, text));

  // watch shows the messages of a person of the shop while they have the conversation.
  async function watch(chat, ticket, after) {
    if (!ticket || chat === watched) return;
    watched = chat;
    log.append(element("p", { className: "quiet", role: "status" }, "A person has taken over this chat. Their messages appear here."));
    for await (const messages of chat.watch(ticket, after)) {
      if (chat !== shown) return;
      for (const { role, parts } of messages.filter((m) => m.role === "assistant")) {
        follow(() => log.append(message(role, parts.map(({ text }) => text).join(""))));
      }
    }
    watched = null;
    if (chat === shown) follow(() => log.append(element("p", { className: "quiet", role: "status" }, "The assistant is back in this chat.")));
  }

  // rate adds the buttons below a reply: two thumbs and, below the latest reply, one that
  // asks for another reply.
  function rate(item, conversation, id, feedback, sent) {
    const chat = shown;
    const buttons = $("rate").content.cloneNode(true).firstElementChild;
    const show = (value) => {
      for (const b of buttons.querySelectorAll("[aria-pressed]")) b.ariaPressed = String(b.value === value);
    };
    show(feedback);
    buttons.onclick = ({ target }) => {
      const button = target.closest("button");
      if (!button) return;
      if (button.value === "again") return void retry(item, sent);
      const value = button.ariaPressed === "true" ? null : button.value;
      chat.feedback(conversation, id, value).then(() => show(value), (error) => chat === shown && fail(error));
    };
    item.append(buttons);
  }

  function ask(text) {
    $("welcome").hidden = true;
    for (const again of log.querySelectorAll(".error button")) again.remove(); // they retry an earlier message
    const item = message("user", text);
    log.append(item);
    if (shown.conversation === null) sessionStorage.setItem("asked", JSON.stringify({ id: shown.id, text })); // for a reload
    receive(shown.send(text), () => {
      item.remove();
      putBack(text);
    });
  }

  // retry replaces a reply with another one, by default to the latest message.
  function retry(item, sent) {
    if (log.ariaBusy === "true") return;
    for (const error of log.querySelectorAll(".error")) error.remove();
    item.remove();
    input.focus();
    receive(shown.retry(sent), () => {});
  }

  // receive shows a reply. It calls undo if the shop rejected the message.
  async function receive(pieces, undo) {
    const chat = shown;
    const reply = message("assistant", "");
    const words = reply.lastElementChild;
    log.append(reply);
    running(true);
    let failure;
    try {
      for await (const piece of pieces) {
        follow(() => words.append(piece));
      }
    } catch (error) {
      failure = error;
    }
    if (chat !== shown) return refresh();
    const { message: ticket, finishReason, userMessage, poll } = chat.reply;
    if (words.textContent === "" && (failure || finishReason === "held")) reply.remove();
    if (failure?.status < 500) {
      undo();
      fail(failure);
    } else if (failure) {
      fail(failure, reply);
    } else {
      follow(() => {
        if (!finishReason) reply.append(element("p", { className: "quiet" }, "This reply was stopped."));
        else if (ticket) rate(reply, chat.conversation, ticket, null);
      });
    }
    settle(chat, chat.conversation); // null if it has ended, is gone, or has no ticket yet
    if (!failure && chat.conversation === null) find(chat);
    watch(chat, failure?.poll ?? poll, userMessage);
    running(false);
    refresh();
  }

  // follow scrolls to the end after grow, unless the reader has scrolled up.
  function follow(grow) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    grow();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  // putBack returns a text that did not arrive to the empty field.
  function putBack(text) {
    if (input.value.trim() === "") input.value = text;
  }

  // find waits for the ticket of a conversation whose first reply was stopped. The next
  // message does not need the ticket.
  async function find(chat) {
    settle(chat, await chat.find().catch(() => null));
    refresh();
  }

  // recover opens the conversation whose first reply was cut off by a reload.
  async function recover(chat, { id, text }) {
    chat.id = id;
    busy(true);
    try {
      await chat.find();
    } catch (error) {
      if (chat === shown) fail(error);
    }
    if (chat !== shown) return;
    settle(chat, chat.conversation);
    if (chat.conversation !== null) return open(chat.conversation);
    putBack(text);
    busy(false);
  }

  // settle puts the ticket of the conversation on screen into the fragment.
  function settle(chat, ticket) {
    if (chat !== shown) return;
    if (ticket !== null) sessionStorage.removeItem("asked");
    history.replaceState(null, "", ticket === null ? location.pathname : `#${ticket}`);
    mark();
  }

  // fail shows an error. If it is about a reply, it adds a button that retries.
  function fail(error, reply) {
    const item = element("div", { className: "message error" }, element("p", { role: "alert" }, error.message));
    if (error.code === "sign_in_required") item.append(element("a", { className: "button", href: "/login?next=/chat" }, "Sign in"));
    if (reply) item.append(element("button", { type: "button", onclick: () => retry(reply) }, "Try again"));
    log.append(item);
    log.scrollTop = log.scrollHeight;
  }

  // While the page is busy, it accepts no message.
  function busy(is) {
    log.ariaBusy = String(is);
    $("send").disabled = is;
  }

  function running(is) {
    busy(is);
    $("send").hidden = is;
    $("stop").hidden = !is;
    if (is) log.scrollTop = log.scrollHeight;
  }

  let refreshes = 0; // only the latest may change the list

  async function refresh(cursor) {
    if ($("main").inert) return;
    const turn = ++refreshes;
    let page;
    try {
      page = await shown.history({ cursor });
    } catch (error) {
      if (turn === refreshes) $("history-state").textContent = error.message;
      return;
    }
    if (turn !== refreshes) return;
    const items = page.conversations.map(({ conversation, title, updatedAt, status }) =>
      element("li", {},
        element("a", { href: `#${conversation}` }, title ?? `Chat on ${when(updatedAt)}`),
        status === "ongoing" ? "" : element("span", { className: "tag" }, status.replace("_", " "))));
    cursor ? list.append(...items) : list.replaceChildren(...items);
    $("history-state").textContent = list.children.length === 0 ? "None yet." : "";
    $("older").hidden = page.cursor === null;
    $("older").onclick = () => refresh(page.cursor);
    if (cursor) items[0]?.firstElementChild.focus();
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
    if (text === "" || log.ariaBusy === "true") return;
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
  $("new").onclick = () => {
    if (location.hash) history.pushState(null, "", location.pathname);
    choose(null);
    input.focus();
  };
  $("welcome").onclick = ({ target }) => target.matches("button") && log.ariaBusy === "false" && ask(target.textContent);
  window.addEventListener("hashchange", () => choose(ticketIn(location)));
  window.addEventListener("focus", () => refresh());
  window.addEventListener("signedinelsewhere", () => {
    refreshes++; // drops those under way
    list.replaceChildren();
    open(null);
  });

  open(ticketIn(location));
  refresh();
  const asked = JSON.parse(sessionStorage.getItem("asked"));
  if (asked !== null && shown.conversation === null) recover(shown, asked);
}

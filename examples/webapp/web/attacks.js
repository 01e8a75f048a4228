// Each attack sends what an attacker would send. It yields each request with its
// response and, if the response shows it, whether the attack was stopped.
"use strict";
{
  const page = document.querySelector(".attacks");
  const { victim, vendor } = page.dataset;

  // ask throws if the shop or Bookbag is overloaded or failing: that stops no attack.
  async function ask(path, options) {
    const response = await fetch(path, options);
    if (response.status === 429 || response.status >= 500) throw new Error(`status ${response.status}`);
    return response;
  }

  // tried sends a request as a page of the shop would. An error status means that the
  // attack was stopped.
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
      const timeout = setTimeout(() => reject(new Error("timeout")), 10000);
      window.addEventListener("message", function receive({ origin, source, data }) {
        if (origin !== vendor || source !== frame.contentWindow) return;
        window.removeEventListener("message", receive);
        clearTimeout(timeout);
        resolve(data);
      });
    });

  const shorten = (text) => (text.length > 400 ? `${text.slice(0, 400)}…` : text);

  const verdict = (color, badge, sentence) =>
    element("p", { className: "verdict" }, element("span", { className: `tag ${color}` }, badge), ` ${sentence}`);

  const details = (results) =>
    element("details", {}, element("summary", {}, "Requests and responses"), ...results.flatMap(({ line, sent, came }) => [
      element("p", { className: "request" }, line),
      ...(sent ? [element("pre", {}, JSON.stringify(sent, null, 2))] : []),
      element("pre", {}, shorten(came)),
    ]));

  async function make({ attack, stopped }) {
    const results = await Array.fromAsync(attacks[attack]());
    return [
      results.some((result) => result.stopped === false)
        ? verdict("bad", "Not stopped", "The request succeeded. That is a bug in the shop.")
        : verdict("good", "Stopped", stopped),
      details(results),
    ];
  }

  page.addEventListener("click", async ({ target }) => {
    const card = target.closest(".attack");
    if (!card || target.localName !== "button") return;
    const place = card.querySelector(".outcome");
    place.replaceChildren();
    card.querySelector("iframe")?.remove(); // of an attempt that failed
    target.disabled = true;
    try {
      place.append(...await make(card.dataset));
      card.dataset.state = "done";
    } catch {
      place.append(verdict("warn", "No result", "The shop or Bookbag did not respond. Try again."));
    }
    target.disabled = false;
  });
}

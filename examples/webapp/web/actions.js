// Has the stand-in of Ainisa call the shop, as the bot does in a chat.
"use strict";

document.getElementById("ask")?.addEventListener("click", async () => {
  const show = (part, ...children) => document.querySelector(`#orders .${part}`).replaceChildren(...children);
  try {
    const { request, header, status, body } = await window.ainisaStandin.act(window.ainisaUser);
    const headers = Object.entries(header).map(([name, value]) => `${name}: ${value}\n`);
    show("sent", element("p", { className: "request" }, request), element("pre", {}, ...headers));
    const verdict = status === 200 ? "accepted" : "refused";
    const sentence = status === 200 ? "Verified: these are the orders of that customer." : "Refused: it could be anybody.";
    show("answer", element("p", { className: `verdict ${verdict}` }, sentence), element("pre", {}, `${status}\n${body}`));
  } catch {
    show("answer", element("p", { className: "verdict refused" }, "Ainisa cannot be reached at the moment. Please try again."));
  }
});

// Lets the stand-in for Ainisa call the shop, as the bot does during a chat.
"use strict";

document.getElementById("ask")?.addEventListener("click", async () => {
  const show = (part, ...children) => document.querySelector(`#orders .${part}`).replaceChildren(...children);
  try {
    const { request, header, status, body } = await window.ainisaStandin.act(window.ainisaUser);
    const headers = Object.entries(header).map(([name, value]) => `${name}: ${value}\n`);
    show("sent", element("p", { className: "request" }, request), element("pre", {}, ...headers));
    const verdict = status === 200 ? "accepted" : "rejected";
    const sentence = status === 200 ? "Verified: these are your orders." : "Rejected: the call does not prove which customer it is for.";
    show("response", element("p", { className: `verdict ${verdict}` }, sentence), element("pre", {}, `${status}\n${body}`));
  } catch {
    show("response", element("p", { className: "verdict unknown" }, "Ainisa did not respond. Try again."));
  }
});

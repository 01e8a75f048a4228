// Shows what the stand-ins' scripts report: what they sent, and the vendor's response.
"use strict";

// What the shop wrote into the page, unchanged.
const honest = () => structuredClone(window.ainisaUser ?? null);

window.addEventListener("standin", ({ detail }) => {
  const section = document.getElementById(detail.vendor);
  showSent(section, detail.sent);
  section.querySelector(".known").replaceChildren(...knowledge(detail));
  section.dataset.state = detail.failed ? "failed" : detail.result.accepted ? "accepted" : "rejected";
});

// The real vendors' scripts report nothing, so this shows what the page gives them.
const realAinisa = document.querySelector("#ainisa[data-real]");
if (realAinisa) showSent(realAinisa, [{ title: "The shop writes into the page", line: "window.ainisaUser", body: honest() }]);
const realMegadesk = document.querySelector("#megadesk[data-real]");
if (realMegadesk) {
  const show = (body) => showSent(realMegadesk, [{ title: "The shop responds", line: "GET /api/megadesk-identity", body }]);
  fetch("/api/megadesk-identity").then((response) => response.json()).then(show, () => show("no response"));
}

function showSent(section, sent) {
  section.querySelector(".sent").replaceChildren(...sent.flatMap(({ title, line, body }) => [
    element("h3", {}, title),
    element("p", { className: "request" }, line),
    element("pre", {}, ...lines(body, section.id === "ainisa" ? honest() : body)),
  ]));
}

// lines renders a flat JSON object. It marks the members that differ from what the
// shop wrote, and cuts long values in the middle.
function lines(body, original) {
  if (body === null || typeof body !== "object") return [String(body)];
  const members = Object.entries(body).map(([key, value]) => {
    const text = `  ${JSON.stringify(key)}: ${shorten(value)}`;
    const same = original !== null && original[key] === value;
    return same ? text : element("span", { className: "changed" }, text);
  });
  return ["{\n", ...members.flatMap((m, i) => (i === 0 ? [m] : [",\n", m])), "\n}"];
}

function shorten(value) {
  const text = JSON.stringify(value);
  if (text.length <= 74) return text;
  return `${text.slice(0, 46)}…${text.slice(-12)} (${value.length} characters)`;
}

function knowledge({ result, failed }) {
  if (failed) return [element("p", { className: "verdict rejected" }, "Nothing: the shop's endpoint failed.")];
  const { accepted, reason, known, arrival } = result;
  const table = known
    ? element("table", {},
        element("caption", {}, accepted ? "You are:" : "You are still:"),
        ...known.map(({ name, value, verified }) => element("tr", {},
          element("th", { scope: "row" }, name),
          element("td", {}, value),
          element("td", {}, element("span", { className: verified ? "tag good" : "tag warn" }, verified ? "verified" : "not verified")))))
    : element("p", {}, "Nothing about you.");
  const verdict = accepted ? (known ? "accepted" : "anonymous") : "rejected";
  const came = `The request was ${arrival.secFetchSite || "not marked by the browser"} and had ${arrival.cookies || "no"} cookies.`;
  return [
    element("p", { className: `verdict ${verdict}` }, reason),
    table,
    element("p", { className: "quiet" }, came),
  ];
}

function onClick(id, send) {
  document.getElementById(id)?.addEventListener("click", ({ currentTarget }) => send(currentTarget.dataset));
}

onClick("forge", ({ id, first, last, email }) => {
  // A forger has no other hash than the visitor's own.
  const hash = honest()?.user_hash ?? "0".repeat(64);
  window.ainisaStandin.identify({ user_id: id, user_hash: hash, firstname: first, lastname: last, email });
});
onClick("change-email", () => {
  window.ainisaStandin.identify({ ...honest(), email: "somebody.else@example.com" });
});
onClick("honest", () => window.ainisaStandin.identify(honest()));

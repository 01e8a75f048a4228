// Shows what the vendors' scripts report: what they sent, and what came of it.
"use strict";

// What the shop wrote into the page, before anybody changed it.
const honest = () => structuredClone(window.ainisaUser ?? null);

window.addEventListener("standin", ({ detail }) => {
  const section = document.getElementById(detail.vendor);
  showSent(section, detail.sent);
  section.querySelector(".known").replaceChildren(...knowledge(detail));
  section.dataset.state = detail.failed ? "failed" : detail.result.accepted ? "accepted" : "refused";
});

// The real vendors' scripts report nothing: show what the page gives them.
const realAinisa = document.querySelector("#ainisa[data-real]");
if (realAinisa) showSent(realAinisa, [{ line: "window.ainisaUser", body: honest() }]);
const realMegadesk = document.querySelector("#megadesk[data-real]");
if (realMegadesk) {
  const line = "GET /api/megadesk-identity";
  fetch("/api/megadesk-identity")
    .then((response) => response.json())
    .then((body) => showSent(realMegadesk, [{ line, body }]), () => showSent(realMegadesk, [{ line, body: "no answer" }]));
}

function showSent(section, sent) {
  section.querySelector(".sent").replaceChildren(...sent.flatMap(({ line, body }) => [
    element("p", { className: "request" }, line),
    element("pre", {}, ...lines(body, section.id === "ainisa" ? honest() : body)),
  ]));
}

// lines prints a flat JSON object, with the members marked that differ from
// what the shop wrote, and long values cut in the middle.
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
  if (failed) return [element("p", { className: "verdict refused" }, "Nothing: the shop's endpoint did not answer.")];
  const { accepted, reason, known, arrival } = result;
  const table = known
    ? element("table", {},
        element("caption", {}, accepted ? "It takes you for:" : "It still takes you for:"),
        ...known.map(({ name, value, verified }) => element("tr", {},
          element("th", { scope: "row" }, name),
          element("td", {}, value),
          element("td", {}, element("span", { className: verified ? "tag good" : "tag bad" }, verified ? "verified" : "not verified")))))
    : element("p", {}, "It knows nobody.");
  const verdict = accepted ? (known ? "accepted" : "anonymous") : "refused";
  const came = `It came as a ${arrival.secFetchSite || "not marked"} request, with ${arrival.cookies || "no"} cookies.`;
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
  // The visitor's own hash is the best that a forger has.
  const hash = honest()?.user_hash ?? "0".repeat(64);
  window.ainisaStandin.identify({ user_id: id, user_hash: hash, firstname: first, lastname: last, email });
});
onClick("change-email", () => {
  window.ainisaStandin.identify({ ...honest(), email: "somebody.else@example.com" });
});
onClick("honest", () => window.ainisaStandin.identify(honest()));

// The stand-in for Megadesk's embed. It fetches the identity from the site of the page,
// sends it to the vendor, and reports both to the page in an event.
(async () => {
  const vendor = new URL(document.currentScript.src).origin;
  const visitor = (localStorage["megadesk-visitor"] ??= crypto.randomUUID());
  const endpoint = "/api/megadesk-identity";
  const report = (detail) =>
    window.dispatchEvent(new CustomEvent("standin", { detail: { vendor: "megadesk", ...detail } }));

  const identity = await fetch(endpoint, { credentials: "same-origin" });
  if (!identity.ok) {
    report({ sent: [{ title: "The shop responds", line: `GET ${endpoint}`, body: `status ${identity.status}` }], failed: true });
    return;
  }
  const claim = await identity.json();
  const url = `${vendor}/megadesk/identify`;
  const response = await fetch(url, {
    method: "POST",
    body: JSON.stringify({ visitor, claim }),
    credentials: "omit",
  });
  report({
    sent: [
      { title: "The shop responds", line: `GET ${endpoint}`, body: claim },
      { title: "The browser passes it on", line: `POST ${url}`, body: claim },
    ],
    result: await response.json(),
  });
})();

// The stand-in for Megadesk's embed: fetches the identity from the page's own
// site, sends it to the vendor, and tells the page what came of it.
(async () => {
  const vendor = new URL(document.currentScript.src).origin;
  const visitor = (localStorage["megadesk-visitor"] ??= crypto.randomUUID());
  const endpoint = "/api/megadesk-identity";
  const report = (detail) =>
    window.dispatchEvent(new CustomEvent("standin", { detail: { vendor: "megadesk", ...detail } }));

  const identity = await fetch(endpoint, { credentials: "same-origin" });
  if (!identity.ok) {
    report({ sent: [{ line: `GET ${endpoint}`, body: `status ${identity.status}` }], failed: true });
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
      { line: `GET ${endpoint}`, body: claim },
      { line: `POST ${url}`, body: claim },
    ],
    result: await response.json(),
  });
})();

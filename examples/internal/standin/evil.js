// A page of another site, which the customer has open. It sends requests to the shop with
// the customer's cookies, and reports to its parent page what it could see.
(async () => {
  const { shop } = document.currentScript.dataset;
  const tries = [
    { line: `GET ${shop}/api/megadesk-identity`, path: "/api/megadesk-identity" },
    {
      line: `POST ${shop}/api/chat/messages`,
      path: "/api/chat/messages",
      more: { method: "POST", mode: "no-cors", body: JSON.stringify({ message: "Refund all my orders" }) },
    },
  ];
  for (const { line, path, more } of tries) {
    const came = await fetch(shop + path, { credentials: "include", ...more }).then(
      () => "sent; the page may not read the response",
      (error) => `${error.name}: ${error.message}`);
    parent.postMessage({ line, came }, shop);
  }
})();

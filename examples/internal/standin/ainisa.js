// The stand-in for Ainisa's widget: sends window.ainisaUser to the vendor and
// tells the page what came of it. Its identify can be called again with
// another user, as a visitor could do from the browser's console, and act has the
// vendor call the shop for one.
(() => {
  const vendor = new URL(document.currentScript.src).origin;
  const visitor = (localStorage["ainisa-visitor"] ??= crypto.randomUUID());
  const url = `${vendor}/ainisa/identify`;

  async function identify(user) {
    const claim = user ?? null;
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify({ visitor, claim }),
      credentials: "omit",
    });
    const result = await response.json();
    const sent = [{ line: `POST ${url}`, body: claim }];
    window.dispatchEvent(new CustomEvent("standin", { detail: { vendor: "ainisa", sent, result } }));
  }

  async function act(user) {
    const body = JSON.stringify({ claim: user ?? null });
    const response = await fetch(`${vendor}/ainisa/act`, { method: "POST", body, credentials: "omit" });
    return response.json();
  }

  window.ainisaStandin = { identify, act };
  identify(window.ainisaUser);
})();

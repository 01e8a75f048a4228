// The stand-in for Ainisa's widget. It sends window.ainisaUser to the vendor, and reports
// that and the result to the page in an event. identify can be called again with another
// user, as a visitor could in the browser's console. act lets the vendor call the shop.
(() => {
  const vendor = new URL(document.currentScript.src).origin;
  const visitor = (localStorage["ainisa-visitor"] ??= crypto.randomUUID());
  const url = `${vendor}/ainisa/identify`;
  const written = window.ainisaUser ?? null;

  async function identify(user) {
    const claim = user ?? null;
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify({ visitor, claim }),
      credentials: "omit",
    });
    const result = await response.json();
    const sent = [
      { title: "The shop writes into the page", line: "window.ainisaUser", body: written },
      { title: "The browser passes it on", line: `POST ${url}`, body: claim },
    ];
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

(function () {
  var name = Symbol.for("chatident");
  if (!window[name]) Object.defineProperty(window, name, { value: {} });
  var bookbag = window[name];

  function identify(user) {
    var hash = user ? user.user_hash : undefined;
    if (hash === bookbag.hash) return;
    clearInterval(bookbag.timer);
    bookbag.hash = hash;
    if (!user) return;
    function call() {
      if (typeof window.bookbag !== "function") return;
      clearInterval(bookbag.timer);
      window.bookbag("identify", user);
    }
    bookbag.timer = setInterval(call, 200);
    call();
  }

  Document.prototype.querySelectorAll.call(document, "script[data-chatident]").forEach(function (element) {
    var user = JSON.parse(element.textContent);
    element.remove();
    if (element.getAttribute("data-chatident") === "bookbag") return identify(user);
    window.ainisaUser = user;
    if (!user) delete window.ainisaUser;
  });
})();

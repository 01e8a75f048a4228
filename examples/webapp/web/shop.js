// What every page of the shop has.
"use strict";

function element(name, properties, ...children) {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
}

// The tabs of a browser share the sign-in. A tab that shows somebody else's page
// says so, and tells its own scripts.
{
  const { customer } = document.currentScript.dataset;
  const tabs = new BroadcastChannel("customer");
  tabs.onmessage = ({ data }) => {
    if (data === customer) return;
    document.getElementById("elsewhere").hidden = false;
    window.dispatchEvent(new Event("signedinelsewhere"));
  };
  tabs.postMessage(customer);
}

// The back button may bring a page from memory, with whoever was signed in then.
window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

// A form that deletes asks first.
document.addEventListener("submit", (event) => {
  const { confirm: question } = event.target.dataset;
  if (question && !window.confirm(question)) event.preventDefault();
});

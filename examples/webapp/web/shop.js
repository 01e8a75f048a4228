// What every page of the shop has.
"use strict";

function element(name, properties, ...children) {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
}

// The tabs of a browser share the sign-in. A tab that shows somebody else's page
// says so, takes no more clicks, and tells its own scripts.
{
  const { customer } = document.currentScript.dataset;
  if (sessionStorage.customer !== customer) { // what a customer leaves there is for nobody else
    sessionStorage.clear();
    sessionStorage.customer = customer;
  }
  const tabs = new BroadcastChannel("customer");
  tabs.onmessage = ({ data }) => {
    if (data === customer) return;
    document.getElementById("elsewhere").hidden = false;
    document.getElementById("main").inert = true;
    window.dispatchEvent(new Event("signedinelsewhere"));
  };
  tabs.postMessage(customer);
}

// The back button may bring a page from memory, with whoever was signed in then.
window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

// The link to the content leaves the address as it is: the chat has its ticket there.
document.addEventListener("click", (event) => {
  if (!event.target.matches(".skip")) return;
  event.preventDefault();
  const main = document.getElementById("main");
  main.tabIndex = -1;
  main.focus();
});

// A form that deletes asks first.
document.addEventListener("submit", (event) => {
  const { confirm: question } = event.target.dataset;
  if (question && !window.confirm(question)) event.preventDefault();
});

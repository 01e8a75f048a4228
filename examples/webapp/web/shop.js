// Shared by all pages of the shop.
"use strict";

function element(name, properties, ...children) {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
}

// The tabs of a browser share the sign-in. When it changes in another tab, this tab shows
// a note, becomes inert, and dispatches an event to the page's scripts.
{
  const { customer } = document.currentScript.dataset;
  if (sessionStorage.customer !== customer) { // it is of another customer
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

// The back button may restore a page of a customer who has signed out since.
window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

// The skip link does not change the fragment, in which the chat keeps its ticket.
document.addEventListener("click", (event) => {
  if (!event.target.matches(".skip")) return;
  event.preventDefault();
  const main = document.getElementById("main");
  main.tabIndex = -1;
  main.focus();
});

// The sign-in returns to the same conversation: the fragment follows every redirect.
document.addEventListener("click", ({ target }) => {
  if (target.matches("a[href^='/login']")) target.hash = location.hash;
});
document.addEventListener("submit", ({ target }) => {
  if (target.matches("form[action='/login']")) target.action += location.hash;
});

// A form that deletes something asks first.
document.addEventListener("submit", (event) => {
  const { confirm: question } = event.target.dataset;
  if (question && !window.confirm(question)) event.preventDefault();
});

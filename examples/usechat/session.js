// In each page of the site: <html data-visitor="..."> has the id of the customer, and is empty for no one.
{
  const { visitor } = document.documentElement.dataset;
  const tabs = new BroadcastChannel("visitor");
  tabs.onmessage = ({ data }) => { if (data !== visitor) location.reload(); }; // signed in or out in another tab
  tabs.postMessage(visitor);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); }); // the back button
}

// The page of docs/chat-in-the-browser.md, whose elements have these ids.
const [form, text, log, stop, again] = ["form", "text", "log", "stop", "again"].map((id) => document.getElementById(id));

const chat = new ChatProxy("/chat");

async function show(reply) {
  const line = log.appendChild(document.createElement("p"));
  try {
    for await (const piece of reply) line.append(piece);
  } catch (error) {
    line.append(error.message); // a sentence for the visitor; error.code is for your code
  }
}

form.onsubmit = (event) => {
  event.preventDefault();
  show(chat.send(text.value));
};
stop.onclick = () => chat.stop();
again.onclick = () => show(chat.retry());

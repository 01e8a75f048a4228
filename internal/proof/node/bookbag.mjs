// Calls Bookbag's chat in the two ways that the vendor documents for JavaScript:
// fetch with stream: false, and a reader that splits the stream into lines,
// strips "data: " and stops at [DONE].
// Input: {url, key, message}. Output: {whole, streamed}.
import { json } from "node:stream/consumers";

const { url, key, message } = await json(process.stdin);

const post = (stream) => fetch(url, {
  method: "POST",
  headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
  body: JSON.stringify({ message, stream }),
});

const reply = await (await post(false)).json();
const whole = reply.data.parts.filter((part) => part.type === "text").map((part) => part.text).join("");

async function streamText(response) {
  const decoder = new TextDecoder();
  let buffer = "";
  let text = "";
  for await (const chunk of response.body) {
    buffer += decoder.decode(chunk, { stream: true });
    const lines = buffer.split("\n");
    buffer = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const data = line.slice("data: ".length);
      if (data === "[DONE]") return text;
      const event = JSON.parse(data);
      if (event.type === "text-delta") text += event.text;
    }
  }
  throw new Error("the stream ended without [DONE]");
}

console.log(JSON.stringify({ whole, streamed: await streamText(await post(undefined)) }));

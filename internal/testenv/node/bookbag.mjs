// Calls Bookbag's chat in the two ways that the vendor documents for JavaScript:
// fetch with stream: false, and a reader of the stream's lines.
// Input: {url, key, message}. Output: {whole, streamed}.
import { json } from "node:stream/consumers";
import { streamText } from "./reader.mjs";

const { url, key, message } = await json(process.stdin);

const post = (stream) => fetch(url, {
  method: "POST",
  headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
  body: JSON.stringify({ message, stream }),
});

const reply = await (await post(false)).json();
const whole = reply.data.parts.filter((part) => part.type === "text").map((part) => part.text).join("");

console.log(JSON.stringify({ whole, streamed: await streamText(await post(undefined)) }));

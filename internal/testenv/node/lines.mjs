// Reads the response to a POST, a stream, in the way that the vendor documents,
// whoever sends it. Input: {url, headers, body}. Output: {text}.
import { json } from "node:stream/consumers";
import { streamText } from "./reader.mjs";

const { url, headers, body } = await json(process.stdin);
const response = await fetch(url, {
  method: "POST",
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(body),
});
console.log(JSON.stringify({ text: await streamText(response) }));

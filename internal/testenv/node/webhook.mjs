// Signs and verifies the body of a webhook with Node's crypto.
// Input: {secret, body, signature}. Output: {hex, base64, accepted}.
import { createHmac, timingSafeEqual } from "node:crypto";
import { json } from "node:stream/consumers";

const { secret, body, signature } = await json(process.stdin);
const sign = (encoding) => "sha256=" + createHmac("sha256", secret).update(body).digest(encoding);
const hex = sign("hex");
console.log(JSON.stringify({ hex, base64: sign("base64"), accepted: timingSafeEqual(Buffer.from(hex), Buffer.from(signature)) }));

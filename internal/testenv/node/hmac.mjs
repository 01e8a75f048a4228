// Computes user hashes with Node's crypto.
// Input: {secret, ids: [id]}. Output: [hash].
import { createHmac } from "node:crypto";
import { json } from "node:stream/consumers";

const { secret, ids } = await json(process.stdin);
console.log(JSON.stringify(ids.map((id) => createHmac("sha256", secret).update(id).digest("hex"))));

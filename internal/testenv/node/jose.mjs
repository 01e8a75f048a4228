// Seals and opens identity tokens with jose for Node, as the vendor's example
// does. Input: {key, seal: [{payload, iat, exp}], open: [{token, now}]}.
// Output: {sealed: [token], opened: [{payload} or {code}]}.
import { EncryptJWT, jwtDecrypt } from "jose";
import { json } from "node:stream/consumers";

const { key, seal, open } = await json(process.stdin);
const secret = Buffer.from(key, "hex");

const sealed = await Promise.all((seal ?? []).map(({ payload, iat, exp }) =>
  new EncryptJWT(payload)
    .setProtectedHeader({ alg: "dir", enc: "A128GCM" })
    .setIssuedAt(iat)
    .setExpirationTime(exp)
    .encrypt(secret)));

const opened = await Promise.all((open ?? []).map(async ({ token, now }) => {
  try {
    const { payload, protectedHeader } = await jwtDecrypt(token, secret, { currentDate: new Date(now * 1000) });
    return { payload, header: protectedHeader };
  } catch (error) {
    return { code: error.code };
  }
}));

console.log(JSON.stringify({ sealed, opened }));

// Does a work of the benchmarks on request, line by line, and tells its CPU time.
// First line in: what the works need. Then lines of {work, times, atOnce};
// for each a line out: {ns, result}, the result that of the last time.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import { EncryptJWT } from "jose";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { key, payload, secret, id } = JSON.parse((await lines.next()).value);
const bytes = Buffer.from(key, "hex");

const works = {
  mint: () => new EncryptJWT(payload)
    .setProtectedHeader({ alg: "dir", enc: "A128GCM" })
    .setIssuedAt()
    .setExpirationTime("1h")
    .encrypt(bytes),
  userHash: () => createHmac("sha256", secret).update(id).digest("hex"),
};

for await (const line of lines) {
  const { work, times, atOnce } = JSON.parse(line);
  const begun = process.cpuUsage();
  let result;
  if (atOnce > 1) {
    for (let done = 0; done < times; done += atOnce) {
      [result] = await Promise.all(Array.from({ length: Math.min(atOnce, times - done) }, works[work]));
    }
  } else {
    for (let done = 0; done < times; done++) {
      result = works[work]();
      if (result instanceof Promise) result = await result;
    }
  }
  const { user, system } = process.cpuUsage(begun); // in microseconds
  const ns = 1000 * (user + system);
  console.log(JSON.stringify({ ns, result }));
}

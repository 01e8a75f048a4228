// Performs a task of the benchmarks on request, and reports its CPU time. The first line of the
// input has the values that the tasks need. Each further line is {task, times, atOnce}. The
// response to it is a line {ns, result}, with the result of the last time.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import { EncryptJWT } from "jose";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { key, payload, secret, id } = JSON.parse((await lines.next()).value);
const bytes = Buffer.from(key, "hex");

const tasks = {
  mint: () => new EncryptJWT(payload)
    .setProtectedHeader({ alg: "dir", enc: "A128GCM" })
    .setIssuedAt()
    .setExpirationTime("1h")
    .encrypt(bytes),
  userHash: () => createHmac("sha256", secret).update(id).digest("hex"),
};

for await (const line of lines) {
  const { task, times, atOnce } = JSON.parse(line);
  const begun = process.cpuUsage();
  let result;
  if (atOnce > 1) {
    for (let done = 0; done < times; done += atOnce) {
      [result] = await Promise.all(Array.from({ length: Math.min(atOnce, times - done) }, tasks[task]));
    }
  } else {
    for (let done = 0; done < times; done++) {
      result = tasks[task]();
      if (result instanceof Promise) result = await result;
    }
  }
  const { user, system } = process.cpuUsage(begun); // in microseconds
  const ns = 1000 * (user + system);
  console.log(JSON.stringify({ ns, result }));
}

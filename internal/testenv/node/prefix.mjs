// Makes a ChatProxy without its prefix. Output: the message of the error.
import { readFile } from "node:fs/promises";
import vm from "node:vm";

const script = new URL("../../../chatclient/chatproxy/chatproxy.js", import.meta.url);
vm.runInThisContext(await readFile(script, "utf8"));
try {
  new ChatProxy();
} catch (error) {
  console.log(JSON.stringify(error.message));
}

// zod, with which the AI SDK checks what arrives, tries eval unless it is told not to.
import { config } from "zod/v4/core";

config({ jitless: true });

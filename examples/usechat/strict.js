// zod, with which the AI SDK validates chunks, tries eval by default, which the policy of the page blocks.
import { config } from "zod/v4/core";

config({ jitless: true });

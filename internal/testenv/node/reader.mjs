// The reader of the vendor's documentation: it splits the stream into lines,
// strips "data: " and stops at [DONE].
export async function streamText(response) {
  const decoder = new TextDecoder();
  let buffer = "";
  let text = "";
  for await (const chunk of response.body) {
    buffer += decoder.decode(chunk, { stream: true });
    const lines = buffer.split("\n");
    buffer = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const data = line.slice("data: ".length);
      if (data === "[DONE]") return text;
      const event = JSON.parse(data);
      if (event.type === "text-delta") text += event.text;
    }
  }
  throw new Error("the stream ended without [DONE]");
}

// Lines of a seed that nobody may find on a card once the node is done.

const PRIVATE_KEY =
  /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----([\s\S]*?)-----END/g;

/** A line of base64 that is long enough to be no other text by chance. */
const isTelling = (line: string): boolean => /^[A-Za-z0-9+/=]{32,}$/.test(line);

/** The lines of private keys, of join credentials and the Wi-Fi passwords in these documents. */
export const secretLines = (
  documents: readonly string[],
): readonly string[] => {
  const found = new Set<string>();
  for (const document of documents) {
    for (const [, body = ""] of document.matchAll(PRIVATE_KEY)) {
      body
        .split(/\s+/)
        .filter(isTelling)
        .forEach((line) => found.add(line));
    }
    for (const [, data = ""] of document.matchAll(
      /client-key-data: *"?([A-Za-z0-9+/=]+)/g,
    )) {
      found.add(data);
    }
    for (const [, password = ""] of document.matchAll(
      /^ *password: *"?'?([^\s"']{8,})/gm,
    )) {
      found.add(password);
    }
  }
  return [...found];
};

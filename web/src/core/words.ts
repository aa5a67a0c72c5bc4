// The words that a speaker wants kept as they are, typed one a line.

export const most = 200; // words of a session
export const longest = 100; // characters of a word

/** The words of a field: without white space around, without what is no word, each once; and whether some had to be left out. */
export function readWords(text: string): { words: string[]; cut: boolean } {
  const all = new Map<string, string>(); // by lower case: the server asks for no case either
  for (const line of text.split(/\r?\n/)) {
    const word = line.replace(/\p{C}/gu, " ").split(/\s+/).filter(Boolean).join(" ");
    if (/[\p{L}\p{Nd}]/u.test(word) && !all.has(word.toLowerCase())) all.set(word.toLowerCase(), word);
  }
  const words = [...all.values()].filter((w) => [...w].length <= longest);
  return { words: words.slice(0, most), cut: words.length > most || words.length < all.size };
}

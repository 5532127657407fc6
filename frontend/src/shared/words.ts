// Sentences that the server's catalogues hold, in the language of the page. A template exports them:
// <script type="application/json" id="sentences" nonce="…">{{ words_of("courier.", "live.")|json }}</script>

type Forms = Partial<Record<Intl.LDMLPluralRule, string>>;
export type Sentences = Record<string, string | Forms>;

export function speaker(sentences: Sentences, locale: string) {
  const plural = new Intl.PluralRules(locale);
  return (code: string, params: Record<string, string | number> = {}): string => {
    const found = sentences[code];
    if (found === undefined) throw new Error(`the page has no words for ${code}`);
    const form =
      typeof found === "string"
        ? found
        : (found[plural.select(Number(params["n"] ?? 1))] ?? found.other);
    return (form ?? code).replace(/\{(\w+)\}/g, (whole, name: string) =>
      name in params ? String(params[name]) : whole,
    );
  };
}

let said: ReturnType<typeof speaker> | null = null;

/** The sentence for a code, as the templates' `say`; `n` chooses its plural form. */
export function say(code: string, params: Record<string, string | number> = {}): string {
  said ??= speaker(read<Sentences>("sentences"), document.documentElement.lang);
  return said(code, params);
}

/** A name that keeps its own direction inside a sentence. */
export const isolated = (name: string): string => `\u2068${name}\u2069`;

/** What a JSON block of the page holds. */
export function read<T>(id: string): T {
  const block = document.getElementById(id);
  if (!block) throw new Error(`the page has no #${id}`);
  return JSON.parse(block.textContent ?? "null") as T;
}

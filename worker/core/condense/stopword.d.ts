// `stopword` 3.1.5 ships no types: one list of words a language, by ISO 639-3 code.
declare module "stopword" {
  export const eng: readonly string[];
  export const deu: readonly string[];
  export const fra: readonly string[];
  export const spa: readonly string[];
  export const ita: readonly string[];
  export const por: readonly string[];
  export const nld: readonly string[];
  export const rus: readonly string[];
  export const jpn: readonly string[];
  export const zho: readonly string[];
}

/**
 * Image references as containerd reads them: the grammar and the defaults of github.com/distribution/reference v0.6.0,
 * `ParseDockerRef`. Two readers that differ on one name would judge one image and run another.
 */

export interface ImageReference {
  /** Host, with `:port` if there is one. Empty for a name that looks like a host's and is none, such as `a_b.io/x`; containerd accepts it. */
  readonly domain: string;
  readonly path: string;
  /** `domain/path` */
  readonly name: string;
  /** Of a reference without digest; `latest` where none was written. */
  readonly tag?: string;
  /** `sha256:…`, `sha384:…` or `sha512:…`; it wins over a tag. */
  readonly digest?: string;
}

/** Longer ones cannot be pulled: a path has at most 255 characters, a DNS name as many, a tag 128. */
const charactersMax = 1024;
const pathCharactersMax = 255;

const hostPart = '[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*';
const domain = `(?:${hostPart}(?:\\.${hostPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathPart = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const digest = 'sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}';
/** No two ways to read one text, so that matching takes linear time. */
const grammar = new RegExp(`^(?:(${domain})/)?(${pathPart}(?:/${pathPart})*)(?::(\\w[\\w.-]{0,127}))?(?:@(${digest}))?$`);
/** Would be taken for an image id. */
const identifier = /^[a-f0-9]{64}$/;

/** @returns undefined when containerd would not accept it */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > charactersMax || identifier.test(text)) return undefined;
  const match = grammar.exec(withDomain(text));
  if (!match) return undefined;
  const [, host = '', path = '', tag = 'latest', digest] = match;
  if (path.length > pathCharactersMax) return undefined;
  const name = host === '' ? path : `${host}/${path}`;
  return digest === undefined ? { domain: host, path, name, tag } : { domain: host, path, name, digest };
}

/** The part before the first slash is a host when it looks like one; else the name is one of Docker Hub. */
function withDomain(text: string): string {
  const slash = text.indexOf('/');
  const [first, rest] = [text.slice(0, slash), text.slice(slash + 1)];
  if (slash === -1) return `docker.io/library/${text}`;
  const isHost = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;
  if (!isHost) return `docker.io/${text}`;
  if (first !== 'docker.io' && first !== 'index.docker.io') return text;
  return rest.includes('/') ? `docker.io/${rest}` : `docker.io/library/${rest}`;
}

/** A registry on loopback over HTTPS that answers as it is told, and keeps what it was asked. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestPki } from './test-pki.ts';

interface RegistryAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

interface RegistryQuestion {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
}

/** `hang`: no answer ever. */
export type AnswerTo = (question: RegistryQuestion) => RegistryAnswer | 'hang';

export class RegistryServer {
  readonly #server: Server;
  readonly questions: RegistryQuestion[] = [];
  answer: AnswerTo;

  private constructor(server: Server, answer: AnswerTo) {
    [this.#server, this.answer] = [server, answer];
  }

  static async start(pki: TestPki, answer: AnswerTo): Promise<RegistryServer> {
    const server = createServer(await pki.server());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const registry = new RegistryServer(server, answer);
    server.on('request', (request, response) => {
      const { pathname: path, searchParams: query } = new URL(request.url ?? '', 'https://x');
      const question = { method: request.method ?? '', path, query, authorization: request.headers.authorization, accept: request.headers.accept };
      registry.questions.push(question);
      const answer = registry.answer(question);
      if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    return registry;
  }

  /** As references and values name it. */
  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

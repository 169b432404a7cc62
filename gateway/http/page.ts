import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from './problem.ts';

/** Hashed by the build: a new content is a new name. */
const YEAR_MS = 365 * 86_400_000;

/**
 * Serves the built page; an address without a file is one of the page's own and gets its index.
 *
 * @param methodsAt - the methods that routes take at a path, upper case
 */
export async function servePage(
  app: FastifyInstance,
  webRoot: string | undefined,
  methodsAt: (path: string) => readonly string[],
): Promise<void> {
  const refusal = ({ method, url }: FastifyRequest) => {
    const methods = methodsAt(url.split('?', 1)[0] as string);
    const what = `${method} ${url.slice(0, 200)}`;
    return methods.length === 0
      ? new Problem('not-found', `${what} is not served here.`)
      : new Problem('method-not-allowed', `${what}: only ${methods.join(', ')}.`, {
          headers: { allow: methods.join(', ') },
        });
  };
  if (webRoot === undefined || !existsSync(join(webRoot, 'index.html'))) {
    app.setNotFoundHandler((request) => {
      throw refusal(request);
    });
    return;
  }
  await app.register(fastifyStatic, { root: webRoot, serve: false, index: false });
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.url);
    if (path === undefined || path.startsWith('/api/') || !['GET', 'HEAD'].includes(request.method))
      throw refusal(request);
    if (path.startsWith('/assets/')) {
      if (!isFile(webRoot, path)) throw new Problem('not-found', 'This part belongs to another version of the page.');
      return reply.sendFile(path.slice(1), { maxAge: YEAR_MS, immutable: true });
    }
    reply.header('cache-control', 'no-cache');
    return reply.sendFile(path !== '/' && isFile(webRoot, path) ? path.slice(1) : 'index.html', {
      cacheControl: false,
    });
  });
}

function pathOf(url: string): string | undefined {
  try {
    return decodeURIComponent(url.split('?', 1)[0] as string);
  } catch {
    return undefined;
  }
}

/** Names with dots in front or parents in the path are no files of ours. */
function isFile(webRoot: string, path: string): boolean {
  return /^(?:\/[\w-][\w.-]*)+$/.test(path) && existsSync(join(webRoot, path));
}

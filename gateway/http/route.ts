import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { checkedAgainst } from '../../contract/mistakes.ts';
import type { Access, Identity } from './auth.ts';
import { readBytes } from './body.ts';
import { type InputMistake, Problem } from './problem.ts';

/** What a handler gets: checked input and who asks. */
export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Absent on public routes only. */
  readonly identity: Identity | undefined;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** One route of the API: who may use it, what goes in, what comes out. The OpenAPI page is made of the same. */
export interface Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters in braces: `/api/v1/devices/{device}`. */
  readonly path: string;
  readonly access: Access;
  readonly tag: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  /** Without a schema the route takes no body. */
  readonly body?: B;
  /** Media types of the body instead of JSON; such a body comes as bytes, whatever type the client names. */
  readonly bodyTypes?: readonly string[];
  readonly bodyBytesMax?: number;
  /** What a good answer holds. */
  readonly answer?: z.ZodType;
  /** Media types of answers that are not JSON: instead of it, or beside it where `answer` is given too. */
  readonly answerTypes?: readonly string[];
  readonly status?: number;
  /** Good answers with another status, of the same shape, and what each means. */
  readonly otherStatus?: Readonly<Record<number, string>>;
  handle(call: Call<z.output<P>, z.output<Q>, z.output<B>>): unknown;
}

/** Names the types of one route; the table of routes holds them without. */
export function route<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(definition: Route<P, Q, B>): Route {
  return definition as unknown as Route;
}

const NO_QUERY = z.strictObject({});

/**
 * Puts a route before the world.
 *
 * @param strictAnswers - check each answer against its schema too: for tests, so that the documentation stays true
 */
export function mount(app: FastifyInstance, definition: Route, options: { readonly strictAnswers: boolean }): void {
  // The parser for bytes is for this route alone.
  if (definition.bodyTypes !== undefined)
    void app.register(async (inner) => {
      readBytes(inner);
      put(inner, definition, options);
    });
  else put(app, definition, options);
}

function put(app: FastifyInstance, definition: Route, options: { readonly strictAnswers: boolean }): void {
  const { params, query = NO_QUERY, body, answer, status } = definition;
  app.route({
    method: definition.method,
    url: definition.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: { access: definition.access, path: definition.path },
    ...(definition.bodyBytesMax === undefined ? {} : { bodyLimit: definition.bodyBytesMax }),
    exposeHeadRoute: definition.answerTypes?.includes('text/event-stream') !== true,
    handler: async (request, reply) => {
      const input = {
        params: params === undefined ? undefined : checked('path', params, request.params),
        query: checked('query', query, request.query),
        body: body === undefined ? undefined : checked('body', body, request.body),
      };
      if (status !== undefined) reply.status(status);
      const result = await definition.handle({ ...input, identity: request.identity ?? undefined, request, reply });
      if (options.strictAnswers && answer !== undefined && !reply.sent && reply.statusCode < 300) answer.parse(result);
      return result;
    },
  });
}

/** @throws Problem that lists every mistake of this input */
function checked(where: string, schema: z.ZodType, input: unknown): unknown {
  const result = checkedAgainst(schema, '', input);
  if (result.mistakes.length === 0) return result.value;
  const errors: InputMistake[] = result.mistakes.map(({ path, found, allowed }) => ({
    path: path === '' ? where : `${where}.${path}`,
    found,
    allowed,
  }));
  const detail = errors.map(({ path, found, allowed }) => `${path}: found ${found}, allowed: ${allowed}`).join('; ');
  throw new Problem('input-invalid', detail.slice(0, 1000), { errors });
}

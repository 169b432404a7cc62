import { createGunzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { DEPTH_MAX, isDeeper } from '../../contract/json-depth.ts';
import { Problem } from './problem.ts';

/** Reads JSON bodies: bounded in depth, an empty one is no body, and keys that reach for prototypes are refused. */
export function readBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(['application/json'], { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    if (isDeeper(body, DEPTH_MAX))
      return done(new Problem('body-too-deep', `At most ${DEPTH_MAX} levels of arrays and objects.`));
    void parse(request, body, (error, value) => {
      if (error === null || error === undefined) return done(null, value);
      return done(new Problem('body-not-json', error.message));
    });
  });
}

/**
 * Inflates bodies that are sent packed; what they hold is bounded like a plain body, by the limit of the route. Where the route
 * takes bytes it unpacks them itself.
 */
export function inflateBodies(app: FastifyInstance): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (encoding === 'identity' || encoding === '') return done(null, payload);
    if (!PACKED.has(encoding))
      return done(new Problem('media-type', `The body is packed as ${encoding.slice(0, 40)}; gzip is unpacked here.`));
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return done(null, payload);
    const inflated = Object.assign(createGunzip(), { receivedEncodedLength: 0 });
    payload.on('data', (chunk: Buffer) => {
      inflated.receivedEncodedLength += chunk.length;
    });
    payload.on('error', (error) => inflated.destroy(error));
    done(null, payload.pipe(inflated));
  });
}

const PACKED: ReadonlySet<string> = new Set(['gzip', 'x-gzip']);

/** Takes every body as bytes. */
export function readBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}
